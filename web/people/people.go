// Package people signs people in and out of pages by the program identity. The tokens of a user lie in the sealed session
// and are replaced before they end.
package people

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// What the session keeps of a user.
const (
	keyUser    = "user"
	keyAccess  = "access"
	keyRefresh = "refresh"
	keyUntil   = "until" // when the access token expires, in seconds since 1970
)

const (
	// early is how long before its end an access token is replaced.
	early = 30 * time.Second
	// refreshTime bounds a refresh, which goes on when the visitor has gone: its token is used up.
	refreshTime = 5 * time.Second
	// deviceCookie keeps by which token identity knows the browser again.
	deviceCookie = "device"
)

// People signs in and out. It is safe for concurrent use.
type People struct {
	identity identityv1.IdentityServiceClient
	address  func(*http.Request) netip.Addr
	kept     []string
}

// New returns People over a connection to identity. address returns where a request comes from, and may be nil. kept are
// the keys of the session that stay when somebody signs in or is signed out from elsewhere.
func New(identity grpc.ClientConnInterface, address func(*http.Request) netip.Addr, kept ...string) *People {
	return &People{identity: identityv1.NewIdentityServiceClient(identity), address: address, kept: kept}
}

// IsSignedIn reports whether the visitor has signed in.
func IsSignedIn(v *site.Visit) bool { return v.Get(keyRefresh) != "" }

// User returns the id of the signed-in user; "" for none.
func User(v *site.Visit) string { return v.Get(keyUser) }

// SignIn opens a session with an e-mail address and a password, under a new id. The error is identity's.
func (p *People) SignIn(v *site.Visit, email, password string) error {
	answer, err := p.Prove(v, email, password)
	if err != nil {
		return err
	}
	_, err = p.Welcome(v, answer)
	return err
}

// Prove asks identity whether a password is that of an e-mail address. The session of the visitor stays as it is until
// Welcome. The error is identity's.
func (p *People) Prove(v *site.Visit, email, password string) (*identityv1.SignInResponse, error) {
	return p.identity.SignIn(p.from(v), &identityv1.SignInRequest{
		Email: email, Password: password, Device: deviceOf(v.Request().UserAgent()), DeviceToken: v.Recall(deviceCookie),
	})
}

// Welcome begins the session of a user whom Prove has let in, under a new id, and returns the user. The error is
// identity's; then there is no session.
func (p *People) Welcome(v *site.Visit, answer *identityv1.SignInResponse) (*identityv1.User, error) {
	me, err := p.identity.GetMe(as(p.from(v), answer.GetTokens().GetAccessToken()), &identityv1.GetMeRequest{})
	if err != nil {
		return nil, err
	}
	values := tokensOf(answer.GetTokens())
	values[keyUser] = strings.TrimPrefix(me.GetUser().GetName(), "users/")
	p.restart(v, values)
	if answer.GetDeviceToken() != "" {
		v.Remember(deviceCookie, answer.GetDeviceToken())
	}
	return me.GetUser(), nil
}

// SignOut ends the session here and at identity. An error says that it has ended here only.
func (p *People) SignOut(v *site.Visit) error {
	defer v.End()
	return p.Revoke(v)
}

// Revoke ends the session at identity. Here it stays, with tokens that open nothing any more.
func (p *People) Revoke(v *site.Visit) error {
	refresh := v.Get(keyRefresh)
	if refresh == "" {
		return nil
	}
	_, err := p.identity.SignOut(p.from(v), &identityv1.SignOutRequest{RefreshToken: refresh})
	return err
}

// Forget takes the user out of a session that has ended elsewhere. What is kept of it stays.
func (p *People) Forget(v *site.Visit) { p.restart(v, nil) }

// Act lets the calls of the visit be made for the signed-in user. For a visitor who has not signed in it does nothing.
// Unauthenticated says that the user has been signed out elsewhere.
func (p *People) Act(v *site.Visit) error {
	if !IsSignedIn(v) {
		return nil
	}
	if err := p.renew(v); err != nil {
		return err
	}
	v.SetContext(as(p.from(v), v.Get(keyAccess)))
	return nil
}

// restart begins a new session with values, and with those that are kept.
func (p *People) restart(v *site.Visit, values map[string]string) {
	all := map[string]string{}
	for _, key := range p.kept {
		if value := v.Get(key); value != "" {
			all[key] = value
		}
	}
	maps.Copy(all, values)
	v.Renew(all)
}

// Call lets the calls of the visit say where it comes from.
func (p *People) Call(v *site.Visit) { v.SetContext(p.from(v)) }

// addressHeader says where a visit comes from.
const addressHeader = "x-forwarded-for"

// from returns the context of calls, with the network address of the visitor, once.
func (p *People) from(v *site.Visit) context.Context {
	sent, _ := metadata.FromOutgoingContext(v.Context())
	if p.address == nil || len(sent.Get(addressHeader)) > 0 {
		return v.Context()
	}
	address := p.address(v.Request())
	if !address.IsValid() {
		return v.Context()
	}
	return metadata.AppendToOutgoingContext(v.Context(), addressHeader, address.String())
}

// as returns the context of calls with an access token.
func as(ctx context.Context, access string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+access)
}

// renew replaces an access token that ends soon. While identity is away, one that has not ended yet is good enough.
func (p *People) renew(v *site.Visit) error {
	seconds, err := strconv.ParseInt(v.Get(keyUntil), 10, 64)
	if err != nil {
		seconds = 0
	}
	until := time.Unix(seconds, 0)
	if v.Now().Before(until.Add(-early)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.from(v)), refreshTime)
	defer cancel()
	answer, err := p.identity.Refresh(ctx, &identityv1.RefreshRequest{RefreshToken: v.Get(keyRefresh)})
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

// browsers and systems are what browsers call themselves, in the order in which they are looked for, and their names.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR", "Opera"}, {"Firefox", "Firefox"}, {"Chrome", "Chrome"}, {"Safari", "Safari"}}
	systems  = [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"}}
)

// deviceOf returns what a browser calls itself, in two words: its name and its system.
func deviceOf(agent string) string {
	return strings.TrimSpace(named(agent, browsers) + " " + named(agent, systems))
}

func named(agent string, names [][2]string) string {
	for _, name := range names {
		if strings.Contains(agent, name[0]) {
			return name[1]
		}
	}
	return ""
}
