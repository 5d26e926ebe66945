package banking

import (
	"context"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"codebank.dev/web/site"
	"google.golang.org/grpc/metadata"
)

// What the session keeps of a user.
const (
	keyUser    = "user"
	keyEmail   = "email"
	keyAccess  = "access"
	keyRefresh = "refresh"
	keyUntil   = "until" // when the access token expires, in seconds since 1970
)

const (
	// early is how long before its end an access token is replaced.
	early = 30 * time.Second
	// refreshTime bounds a refresh, which goes on when the visitor has gone: its token is used up.
	refreshTime = 5 * time.Second
)

// customer is a visit of a signed-in user. Calls with its context are made for him.
type customer struct {
	*site.Visit
	user, email string
}

// handler answers a visit of a signed-in user.
type handler func(*customer) error

func isSignedIn(v *site.Visit) bool { return v.Get(keyRefresh) != "" }

// called lets the calls of a visit say where it comes from.
func (b *Banking) called(handle site.Handler) site.Handler {
	return func(v *site.Visit) error {
		v.SetContext(b.from(v))
		return handle(v)
	}
}

// from returns the context of calls, with the network address of the visitor.
func (b *Banking) from(v *site.Visit) context.Context {
	ctx := v.Context()
	if b.config.Address != nil {
		if address := b.config.Address(v.Request()); address.IsValid() {
			ctx = metadata.AppendToOutgoingContext(ctx, "x-forwarded-for", address.String())
		}
	}
	return ctx
}

// mine lets signed-in users in, and leads everybody else to the page to sign in on.
func (b *Banking) mine(handle handler) site.Handler {
	return b.called(func(v *site.Visit) error {
		if !isSignedIn(v) {
			return v.Redirect(v.SignInPath("needed"))
		}
		if err := b.renew(v); err != nil {
			return err
		}
		v.SetContext(as(v.Context(), v.Get(keyAccess)))
		return handle(&customer{Visit: v, user: v.Get(keyUser), email: v.Get(keyEmail)})
	})
}

// as returns the context of calls with an access token.
func as(ctx context.Context, access string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+access)
}

// renew replaces an access token that ends soon. While identity is away, one that has not ended yet is good enough.
func (b *Banking) renew(v *site.Visit) error {
	seconds, err := strconv.ParseInt(v.Get(keyUntil), 10, 64)
	if err != nil {
		seconds = 0
	}
	until := time.Unix(seconds, 0)
	if v.Now().Before(until.Add(-early)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.Context()), refreshTime)
	defer cancel()
	answer, err := b.identity.Refresh(ctx, &identityv1.RefreshRequest{RefreshToken: v.Get(keyRefresh)})
	switch {
	case err == nil:
		v.Set(tokensOf(answer.GetTokens()))
	case fault.CodeOf(err) != fault.Unauthenticated && v.Now().Before(until):
		return nil
	}
	return err
}

// tokensOf returns what the session keeps of tokens.
func tokensOf(tokens *identityv1.Tokens) map[string]string {
	return map[string]string{
		keyAccess: tokens.GetAccessToken(), keyRefresh: tokens.GetRefreshToken(),
		keyUntil: strconv.FormatInt(tokens.GetAccessTokenExpireTime().AsTime().Unix(), 10),
	}
}

// idOf returns the id behind the last slash of a name such as accounts/{uuid}.
func idOf(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// wrongIn returns what an error says about a field, if it names one of these; names are those of the form, by those of
// the contract.
func wrongIn(v *site.Visit, err error, names map[string]string) map[string]string {
	known := fault.Of(err)
	name, ours := names[known.Field]
	if !ours || known.Code != fault.InvalidArgument && known.Code != fault.NotFound && known.Code != fault.FailedPrecondition {
		return nil
	}
	return map[string]string{name: v.Reason(err)}
}
