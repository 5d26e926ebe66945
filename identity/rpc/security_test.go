package rpc_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/signing"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

func TestARefreshTokenIsExchangedOnceAndRepeatedForTenSeconds(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	refresh := func(text string) (*identityv1.Tokens, error) {
		response, err := r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: text})
		return response.GetTokens(), err
	}
	first := r.mustSignIn(t).GetTokens()

	// Many tabs at once.
	successors := make([]*identityv1.Tokens, 16)
	var tabs sync.WaitGroup
	for i := range successors {
		tabs.Go(func() {
			tokens, err := refresh(first.GetRefreshToken())
			if err == nil {
				successors[i] = tokens
			}
		})
	}
	tabs.Wait()
	for _, tokens := range successors {
		require.NotNil(t, tokens)
		require.Equal(t, successors[0].GetRefreshToken(), tokens.GetRefreshToken(), "one successor for all")
		require.NotEqual(t, first.GetRefreshToken(), tokens.GetRefreshToken())
	}
	second := successors[0]
	r.clock.Advance(identity.RefreshGrace - time.Second)
	again, err := refresh(first.GetRefreshToken())
	require.NoError(t, err, "a tab that is late by seconds")
	require.Equal(t, second.GetRefreshToken(), again.GetRefreshToken())
	third, err := refresh(second.GetRefreshToken())
	require.NoError(t, err)
	require.Equal(t, first.GetSession(), third.GetSession())

	// A thief presents a token that was exchanged before.
	r.clock.Advance(identity.RefreshGrace + time.Second)
	_, err = r.GetMe(bearer(t, third), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	_, err = refresh(second.GetRefreshToken())
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
	_, err = refresh(third.GetRefreshToken())
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
	_, err = r.GetMe(bearer(t, third), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	require.Contains(t, r.acts(t), "REFRESH_TOKEN_REUSED")

	// A session that nobody uses expires.
	idle := r.mustSignIn(t).GetTokens()
	r.clock.Advance(identity.SessionIdle)
	_, err = refresh(idle.GetRefreshToken())
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
	_, err = refresh(identity.NewSecret().Reveal())
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
}

// The grace is for the token before the present one. An older one is of a thief, however young it is.
func TestARefreshTokenWhoseSuccessorWasExchangedEndsTheSession(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	other := r.mustSignIn(t).GetTokens()
	first := r.mustSignIn(t).GetTokens()
	tokens := []*identityv1.Tokens{first}
	for range 2 {
		response, err := r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: tokens[len(tokens)-1].GetRefreshToken()})
		require.NoError(t, err)
		tokens = append(tokens, response.GetTokens())
	}
	for _, each := range tokens { // The first one ends the session for the others.
		_, err := r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: each.GetRefreshToken()})
		requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
	}
	_, err := r.GetMe(bearer(t, tokens[2]), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	require.Contains(t, r.acts(t), "REFRESH_TOKEN_REUSED")
	_, err = r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: other.GetRefreshToken()})
	require.NoError(t, err, "another session of the user goes on")
}

// acts returns the names of all acts in the audit log, and requires that its chain is whole.
func (r *running) acts(t testing.TB) []string {
	t.Helper()
	var names []string
	conn, err := pgx.Connect(t.Context(), r.url)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var checker auditlog.Checker
	head, err := table.Rows(t.Context(), conn, func(row auditlog.Row) error {
		names = append(names, string(row.Act))
		return checker.Check(row)
	})
	require.NoError(t, err)
	require.NoError(t, checker.CheckEnd(head))
	return names
}

// guess guesses a password until the guess is refused by the password or by a limit.
func (r *running) guess(ctx context.Context, password string) error {
	for {
		_, err := r.signIn(ctx, alice, password)
		if err == nil || fault.Of(err).Reason != "TOO_MANY_PASSWORD_CHECKS" {
			return err
		}
		time.Sleep(time.Millisecond) // The answer says to try again.
	}
}

func TestSixtyFourAttackersAreLockedAndTheOwnerIsNot(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	var checked, locked atomic.Int64
	var attackers sync.WaitGroup
	for i := range 64 {
		attackers.Go(func() {
			switch err := r.guess(at(t, "198.51.100.7"), fmt.Sprintf("guess number %d", i)); fault.Of(err).Reason {
			case "WRONG_CREDENTIALS":
				checked.Add(1)
			case "TOO_MANY_ATTEMPTS":
				locked.Add(1)
			}
		})
	}
	attackers.Wait()
	require.EqualValues(t, 5, checked.Load(), "guesses at the same moment do not escape the count")
	require.EqualValues(t, 59, locked.Load())
	err := r.guess(at(t, "198.51.100.7"), password)
	requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	require.Positive(t, fault.Of(serve.FromStatus(err)).RetryAfter)
	require.NoError(t, r.guess(at(t, "203.0.113.9"), password), "the owner on another address")
	require.Contains(t, r.acts(t), "SIGN_IN_LOCKED")
	r.clock.Advance(16 * time.Minute)
	require.NoError(t, r.guess(at(t, "198.51.100.7"), password), "the lock opens by itself")
}

func TestAttackersOnManyAddressesAreSlowedDownAndAKnownDeviceIsNot(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	device := r.mustSignIn(t).GetDeviceToken()
	var checked atomic.Int64
	var attackers sync.WaitGroup
	for i := range 64 {
		attackers.Go(func() {
			if err := r.guess(at(t, fmt.Sprintf("198.51.100.%d", i)), "wrong password"); fault.Of(err).Reason == "WRONG_CREDENTIALS" {
				checked.Add(1)
			}
		})
	}
	attackers.Wait()
	require.EqualValues(t, 20, checked.Load())
	stranger := at(t, "203.0.113.9")
	requireReason(t, r.guess(stranger, password), fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	known, err := r.SignIn(stranger, &identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: device})
	require.NoError(t, err)
	require.Equal(t, device, known.GetDeviceToken())
	made := identity.NewSecret().Reveal()
	_, err = r.SignIn(stranger, &identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: made})
	requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	r.clock.Advance(31 * time.Second)
	require.NoError(t, r.guess(stranger, password), "it slows down and does not lock")
	r.clock.Advance(31 * time.Second)
	fixed, err := r.SignIn(stranger, &identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: made})
	require.NoError(t, err)
	require.NotEqual(t, made, fixed.GetDeviceToken(), "nobody gives a device a token of his own choice")
}

// Whoever has signed in changes the password, whatever others try, and has five guesses himself.
func TestAttackersDoNotKeepAnOwnerFromChangingThePassword(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	owner := bearer(t, r.mustSignIn(t).GetTokens())
	change := func(current string) error {
		_, err := r.ChangePassword(owner, &identityv1.ChangePasswordRequest{CurrentPassword: current, NewPassword: "another long pass phrase"})
		return err
	}
	for i := range 20 {
		requireReason(t, r.guess(at(t, fmt.Sprintf("198.51.100.%d", i)), "wrong password"), fault.Unauthenticated, "WRONG_CREDENTIALS")
	}
	requireReason(t, r.guess(at(t, "203.0.113.9"), password), fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	for range 4 {
		requireReason(t, change("wrong password"), fault.Unauthenticated, "WRONG_CREDENTIALS")
	}
	require.NoError(t, change(password))
	for range 5 {
		requireReason(t, change("wrong password"), fault.Unauthenticated, "WRONG_CREDENTIALS")
	}
	requireReason(t, change("another long pass phrase"), fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
}

func TestAddressesWithoutAnAccountAreLockedTheSame(t *testing.T) {
	r := start(t)
	for range 5 {
		_, err := r.signIn(t.Context(), "nobody@example.com", "wrong password")
		requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
	}
	_, err := r.signIn(t.Context(), "nobody@example.com", "wrong password")
	requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
}

func TestOnePasswordTriedOnManyAccountsIsSlowedDown(t *testing.T) {
	r := start(t)
	slowed := false
	for n := 0; n < 150 && !slowed; n++ {
		_, err := r.signIn(at(t, "198.51.100.7"), fmt.Sprintf("u%d@example.com", n), "wrong password")
		slowed = fault.Of(err).Reason == "TOO_MANY_ATTEMPTS"
	}
	require.True(t, slowed)
	_, err := r.signIn(at(t, "203.0.113.9"), "u1@example.com", "wrong password")
	requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
}

// An address without an account costs what a wrong password costs: without its hash it would be many times
// quicker.
func TestAnAddressWithoutAnAccountCostsTheSame(t *testing.T) {
	slow := small()
	slow.Memory, slow.Iterations = 4<<10, 8
	r := startWith(t, postgrestest.Database(t), slow)
	r.open(t, alice)
	attempt := func(n int, email string) time.Duration {
		begun := time.Now()
		_, err := r.signIn(at(t, fmt.Sprintf("198.51.100.%d", n)), email, "wrong password")
		requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
		return time.Since(begun)
	}
	// In turn, so that a busy moment of the machine falls on both. The quickest is the one that waited for
	// nothing else.
	wrong, nobody := time.Hour, time.Hour
	for n := range 5 {
		wrong = min(wrong, attempt(n, alice))
		nobody = min(nobody, attempt(n, "nobody@example.com"))
	}
	t.Logf("wrong password %s, no account %s", wrong, nobody)
	require.Less(t, wrong, 4*nobody)
	require.Less(t, nobody, 4*wrong)
}

func TestRequestsForEmailsFromOneAddressAreLimited(t *testing.T) {
	r := start(t)
	for i := range 20 {
		_, err := r.SignUp(at(t, "2001:db8:1:2::1"), &identityv1.SignUpRequest{Email: fmt.Sprintf("u%d@example.com", i)})
		require.NoError(t, err)
	}
	_, err := r.SignUp(at(t, "2001:db8:1:2:ffff::9"), &identityv1.SignUpRequest{Email: "next@example.com"})
	requireReason(t, err, fault.ResourceExhausted, "TOO_MANY_ATTEMPTS")
	_, err = r.SignUp(at(t, "2001:db8:1:3::1"), &identityv1.SignUpRequest{Email: "next@example.com"})
	require.NoError(t, err)
}

func TestAHashWithOldParametersIsReplacedAtSignIn(t *testing.T) {
	url := postgrestest.Database(t)
	before := startWith(t, url, small())
	before.open(t, alice)
	larger := small()
	larger.Memory *= 2
	after := startWith(t, url, larger)
	hash := func() string {
		user, _, _, err := after.store.Candidate(t.Context(), alice, nil)
		require.NoError(t, err)
		return user.PasswordHash
	}
	require.Contains(t, hash(), "m=64,")
	after.mustSignIn(t)
	require.Contains(t, hash(), "m=128,")
	after.mustSignIn(t)
}

// signed returns a token with a header and claims, signed by the key file's first key.
func (r *running) signed(t testing.TB, change func(header, claims map[string]any)) string {
	t.Helper()
	private, kid := r.key(t, 0)
	user := r.mustSignIn(t).GetTokens()
	part := strings.Split(user.GetAccessToken(), ".")[1]
	text, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(t, err)
	header, claims := map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": kid}, map[string]any{}
	require.NoError(t, json.Unmarshal(text, &claims))
	change(header, claims)
	encode := func(part map[string]any) string {
		text, err := json.Marshal(part)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	unsigned := encode(header) + "." + encode(claims)
	signature := ed25519.Sign(private, []byte(unsigned))
	switch header["alg"] {
	case "none":
		signature = nil
	case "HS256":
		mac := hmac.New(sha256.New, private.Public().(ed25519.PublicKey))
		mac.Write([]byte(unsigned))
		signature = mac.Sum(nil)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// key returns a key of the key file.
func (r *running) key(t testing.TB, index int) (ed25519.PrivateKey, string) {
	t.Helper()
	var file struct {
		Keys []struct {
			ID   string
			Seed []byte
		}
	}
	text, err := os.ReadFile(r.keyFile)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	return ed25519.NewKeyFromSeed(file.Keys[index].Seed), file.Keys[index].ID
}

func TestWrongTokens(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	hour := func(n int) int64 { return r.clock.Now().Add(time.Duration(n) * time.Hour).Unix() }
	for name, tt := range map[string]struct {
		change func(header, claims map[string]any)
		reason string
	}{
		"right":                     {func(_, _ map[string]any) {}, ""},
		"alg none":                  {func(h, _ map[string]any) { h["alg"] = "none" }, "TOKEN_INVALID"},
		"HS256 with the public key": {func(h, _ map[string]any) { h["alg"] = "HS256" }, "TOKEN_INVALID"},
		"wrong aud":                 {func(_, c map[string]any) { c["aud"] = "elsewhere" }, "TOKEN_INVALID"},
		"wrong iss":                 {func(_, c map[string]any) { c["iss"] = "https://other.example" }, "TOKEN_INVALID"},
		"wrong typ":                 {func(h, _ map[string]any) { h["typ"] = "JWT" }, "TOKEN_INVALID"},
		"unknown key":               {func(h, _ map[string]any) { h["kid"] = "unknown" }, "TOKEN_INVALID"},
		"expired":                   {func(_, c map[string]any) { c["iat"], c["nbf"], c["exp"] = hour(-2), hour(-2), hour(-2)+900 }, "TOKEN_EXPIRED"},
		"not yet":                   {func(_, c map[string]any) { c["iat"], c["nbf"], c["exp"] = hour(2), hour(2), hour(2)+900 }, "TOKEN_INVALID"},
		"too long":                  {func(_, c map[string]any) { c["exp"] = hour(1) }, "TOKEN_INVALID"},
		"another user":              {func(_, c map[string]any) { c["sub"] = "00000000-0000-4000-8000-000000000001" }, "SESSION_ENDED"},
		"a session of nobody":       {func(_, c map[string]any) { c["sid"] = "00000000-0000-4000-8000-000000000001" }, "SESSION_ENDED"},
		"a session that is no id":   {func(_, c map[string]any) { c["sid"] = "x" }, "TOKEN_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			text := r.signed(t, tt.change)
			_, err := r.GetMe(bearer(t, &identityv1.Tokens{AccessToken: text}), &identityv1.GetMeRequest{})
			request, requestErr := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+"/v1/users/me", nil)
			require.NoError(t, requestErr)
			request.Header.Set("Authorization", "Bearer "+text)
			response, requestErr := http.DefaultClient.Do(request)
			require.NoError(t, requestErr)
			require.NoError(t, response.Body.Close())
			if tt.reason == "" {
				require.NoError(t, err)
				require.Equal(t, http.StatusOK, response.StatusCode)
				return
			}
			requireReason(t, err, fault.Unauthenticated, tt.reason)
			require.Equal(t, http.StatusUnauthorized, response.StatusCode)
		})
	}
}

func TestTokensOfARetiredKeyAreRefusedAndARotationRefusesNone(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	tokens := r.mustSignIn(t).GetTokens()
	loading, stop := context.WithCancel(t.Context())
	var calls, failures atomic.Int64
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			mine := tokens
			if response, err := r.signIn(t.Context(), alice, password); err == nil {
				mine = response.GetTokens()
			}
			for loading.Err() == nil {
				_, err := r.GetMe(bearer(t, mine), &identityv1.GetMeRequest{})
				if err == nil {
					var response *identityv1.RefreshResponse
					if response, err = r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: mine.GetRefreshToken()}); err == nil {
						mine = response.GetTokens()
					}
				}
				if calls.Add(1); err != nil {
					failures.Add(1)
				}
			}
		})
	}
	keyIDs := func() string {
		answer, err := http.Get(r.http + "/.well-known/jwks.json")
		require.NoError(t, err)
		defer answer.Body.Close()
		var set struct{ Keys []struct{ Kid string } }
		require.NoError(t, json.NewDecoder(answer.Body).Decode(&set))
		return fmt.Sprint(set.Keys)
	}
	_, old := r.key(t, 0)
	for _, step := range []signing.Did{signing.Added, signing.Signing, signing.Retired} {
		before := calls.Load()
		done, err := signing.Rotate(r.keyFile, r.clock.Now(), signing.Waits{}, nil)
		require.NoError(t, err)
		require.Equal(t, step, done.Did)
		await.Until(t, func() bool {
			published := keyIDs()
			taken := step == signing.Added && strings.Contains(published, done.Key) || step == signing.Retired && !strings.Contains(published, old)
			if step == signing.Signing {
				header := strings.Split(r.mustSignIn(t).GetTokens().GetAccessToken(), ".")[0]
				text, err := base64.RawURLEncoding.DecodeString(header)
				taken = err == nil && strings.Contains(string(text), done.Key)
			}
			return taken && calls.Load() > before+20
		}, time.Minute, 50*time.Millisecond, step)
	}
	stop()
	load.Wait()
	require.Zero(t, failures.Load(), "of %d calls", calls.Load())
	_, err := r.GetMe(bearer(t, tokens), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "TOKEN_INVALID")
}

func TestVerifiersHearOfAnEndedSessionAndGoOnWhereTheyWere(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	tokens := r.mustSignIn(t).GetTokens()
	ended := token.NewEnded(r.clock.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { ended.Watch(ctx, r.IdentityServiceClient, slog.New(slog.DiscardHandler)) })
	await.Until(t, func() bool { return ended.HeardWithin(5 * time.Second) }, time.Minute, 10*time.Millisecond)
	session := strings.TrimPrefix(tokens.GetSession(), "sessions/")
	require.False(t, ended.Has(session))
	_, err := r.SignOut(bearer(t, tokens), &identityv1.SignOutRequest{})
	require.NoError(t, err)
	signedOut := time.Now()
	await.Until(t, func() bool { return ended.Has(session) }, time.Minute, 5*time.Millisecond)
	t.Logf("heard after %s", time.Since(signedOut))
	require.Less(t, time.Since(signedOut), 5*time.Second)
	cancel()
	watching.Wait()

	// Another stream: from the beginning, and from behind the first end.
	next := r.mustSignIn(t).GetTokens()
	_, err = r.SignOut(bearer(t, next), &identityv1.SignOutRequest{})
	require.NoError(t, err)
	first := r.watch(t, 0)
	require.Equal(t, []string{tokens.GetSession(), next.GetSession()}, first)
	require.Equal(t, []string{next.GetSession()}, r.watch(t, 1))
	require.Equal(t, first, r.watch(t, 1000), "the database was restored since")
	r.clock.Advance(identity.TokensForgotten + time.Second)
	require.Empty(t, r.watch(t, 0), "their tokens have expired")
}

// A verifier takes the first message for all that there is, however many sessions have ended.
func TestAVerifierHearsOfAllEndedSessionsAtOnce(t *testing.T) {
	r := start(t)
	conn, err := pgx.Connect(t.Context(), r.url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), `
INSERT INTO ended_sessions SELECT n, gen_random_uuid(), $1, $2 FROM generate_series(1, 2500) AS n`, r.clock.Now(), r.clock.Now().Add(time.Hour))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "UPDATE audit_head SET ended_sequence = 2500")
	require.NoError(t, err)
	require.Len(t, r.watch(t, 0), 2500)
	require.Len(t, r.watch(t, 1000), 1500)
}

// watch returns the sessions of the first message behind a sequence.
func (r *running) watch(t testing.TB, after int64) (sessions []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stream, err := r.WatchEndedSessions(ctx, &identityv1.WatchEndedSessionsRequest{AfterSequence: after})
	require.NoError(t, err)
	message, err := stream.Recv()
	require.NoError(t, err)
	for _, ended := range message.GetEndedSessions() {
		sessions = append(sessions, ended.GetSession())
	}
	return sessions
}

// Every request with a text that it must not take names the field. The fields come from the contract, so
// that a new one cannot be left out.
func TestNoFieldOfTextTakesACardNumberOrWhatCannotBeSeen(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	requests := map[string]proto.Message{
		"SignUp": &identityv1.SignUpRequest{Email: alice}, "SignIn": &identityv1.SignInRequest{Email: alice, Password: password},
		"ConfirmSignUp": &identityv1.ConfirmSignUpRequest{Token: identity.NewSecret().Reveal(), Password: password},
		"Refresh":       &identityv1.RefreshRequest{}, "SignOut": &identityv1.SignOutRequest{}, "GetMe": &identityv1.GetMeRequest{},
		"ListSessions": &identityv1.ListSessionsRequest{}, "EndSession": &identityv1.EndSessionRequest{},
		"ChangePassword": &identityv1.ChangePasswordRequest{}, "RequestPasswordReset": &identityv1.RequestPasswordResetRequest{},
		"ResetPassword": &identityv1.ResetPasswordRequest{Token: identity.NewSecret().Reveal()},
	}
	tokens := r.mustSignIn(t).GetTokens()
	fields := 0
	for _, method := range rpctest.Unary(identityv1.IdentityService_ServiceDesc) {
		sent, known := requests[method[strings.LastIndexByte(method, '/')+1:]]
		require.True(t, known, "%s: add a request", method)
		for _, text := range []string{"4111111111111111", "a\u202eb"} {
			rpctest.PlantText(sent, text, func(path string, changed proto.Message) {
				if strings.HasSuffix(path, "password") {
					return // A password is any text, and only its hash is stored.
				}
				fields++
				err := r.conn.Invoke(bearer(t, tokens), method, changed, new(emptypb.Empty))
				require.Error(t, err, "%s takes %q in %s", method, text, path)
				require.NotContains(t, err.Error(), text)
				refused := fault.Of(serve.FromStatus(err))
				require.Equal(t, fault.InvalidArgument, refused.Code, "%s %s: %v", method, path, err)
				require.Equal(t, path, refused.Field, method)
			})
		}
	}
	require.GreaterOrEqual(t, fields, 18, "the test sees the fields of the contract")
}

func TestNoAnswerOfRESTRepeatsWhatWasSent(t *testing.T) {
	rpctest.RequireNoEcho(t, start(t).http, identityv1.IdentityService_ServiceDesc)
}

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal that blames the caller.
func FuzzRequest(f *testing.F) {
	r := start(f)
	methods := rpctest.Unary(identityv1.IdentityService_ServiceDesc)
	methods.Seed(f,
		&identityv1.SignInRequest{Email: alice, Password: password, DeviceToken: identity.NewSecret().Reveal()},
		&identityv1.RefreshRequest{RefreshToken: identity.NewSecret().Reveal()},
		&identityv1.EndSessionRequest{Name: "sessions/x"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, r.conn, method, body) })
}

// The secrets of a whole life are in no log, no error and no table. The key file and the mails are their
// own places.
func TestNoSecretIsInALogAnErrorOrATable(t *testing.T) {
	r := start(t)
	secrets := []string{password, "another good one", "wrong password here"}
	var errs []string
	keep := func(err error) {
		if err != nil {
			errs = append(errs, err.Error())
		}
	}
	r.open(t, alice)
	_, err := r.signIn(t.Context(), alice, "wrong password here")
	keep(err)
	signedIn := r.mustSignIn(t)
	tokens := signedIn.GetTokens()
	secrets = append(secrets, signedIn.GetDeviceToken(), tokens.GetAccessToken(), tokens.GetRefreshToken())
	refreshed, err := r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: tokens.GetRefreshToken()})
	require.NoError(t, err)
	secrets = append(secrets, refreshed.GetTokens().GetAccessToken(), refreshed.GetTokens().GetRefreshToken())
	_, err = r.GetMe(bearer(t, &identityv1.Tokens{AccessToken: tokens.GetAccessToken() + "x"}), &identityv1.GetMeRequest{})
	keep(err)
	_, err = r.ChangePassword(bearer(t, tokens), &identityv1.ChangePasswordRequest{CurrentPassword: password, NewPassword: alice})
	keep(err)
	_, err = r.RequestPasswordReset(t.Context(), &identityv1.RequestPasswordResetRequest{Email: alice})
	require.NoError(t, err)
	require.NotEmpty(t, r.next(t, alice))
	for _, sent := range r.mails.All() {
		if sent.Code() != "" {
			secrets = append(secrets, sent.Code())
		}
	}
	_, err = r.ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: secrets[len(secrets)-1], NewPassword: "another good one"})
	require.NoError(t, err)
	_, err = r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: refreshed.GetTokens().GetRefreshToken()})
	keep(err)
	require.Len(t, errs, 4)
	private, _ := r.key(t, 0)
	secrets = append(secrets, base64.StdEncoding.EncodeToString(private.Seed()))
	requireAbsent(t, secrets, r.log.String(), strings.Join(errs, "\n"), r.tables(t))
	require.Contains(t, r.log.String(), "identity.v1.IdentityService/SignIn", "the log has the calls")
	require.Contains(t, r.tables(t), alice, "the tables were read")
}

// requireAbsent requires that no secret is in a text, in any of the forms that a program may write.
func requireAbsent(t testing.TB, secrets []string, texts ...string) {
	t.Helper()
	require.Greater(t, len(secrets), 8)
	for i, secret := range secrets {
		forms := []string{secret, fmt.Sprintf("%x", secret), base64.StdEncoding.EncodeToString([]byte(secret))}
		if bits, err := base64.RawURLEncoding.DecodeString(secret); err == nil {
			forms = append(forms, fmt.Sprintf("%x", bits))
		}
		if parts := strings.Split(secret, "."); len(parts) == 3 {
			forms = append(forms, parts[2])
		}
		for j, text := range texts {
			for _, form := range forms {
				require.NotContains(t, text, form, "secret %d in text %d", i, j)
			}
		}
	}
}

// tables returns all rows of all tables as text.
func (r *running) tables(t testing.TB) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), r.url)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	rows, err := conn.Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.True(t, slices.Contains(names, "refresh_tokens"))
	var all strings.Builder
	for _, name := range names {
		rows, err := conn.Query(t.Context(), "SELECT t::text FROM "+pgx.Identifier{name}.Sanitize()+" AS t")
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}

func TestAStreamOfEndsIsRefusedBehindNothing(t *testing.T) {
	r := start(t)
	stream, err := r.WatchEndedSessions(t.Context(), &identityv1.WatchEndedSessionsRequest{AfterSequence: -1})
	require.NoError(t, err)
	_, err = stream.Recv()
	requireReason(t, err, fault.InvalidArgument, "INVALID_FIELD")
	_, err = r.GetMe(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Basic x"), &identityv1.GetMeRequest{})
	require.Equal(t, codes.Unauthenticated, serve.GRPCCode(fault.CodeOf(serve.FromStatus(err))))
}
