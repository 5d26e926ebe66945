package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/identity/access"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/identitytest"
	"codebank.dev/identity/postgres"
	"codebank.dev/identity/rpc"
	"codebank.dev/identity/signing"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/mail/mailtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

const (
	issuer   = "https://identity.example"
	audience = "codebank"
	alice    = "alice@example.com"
	password = "correct horse battery"
)

// small are parameters of argon2id for tests.
func small() hashing.Params {
	return hashing.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// running is the service on a database of its own.
type running struct {
	identityv1.IdentityServiceClient
	conn *grpc.ClientConn
	// grpc and https are the addresses of a service with TLS, which conn and http do not reach.
	grpc, https string
	http        string
	// web reaches https.
	web     *http.Client
	url     string
	keyFile string
	mails   *mailtest.Catcher
	clock   *identitytest.Clock
	store   *postgres.Store
	hasher  *hashing.Hasher
	log     *logBuffer
	stop    func()
}

// start starts the service. All its callers are behind a proxy that they name their address to.
func start(t testing.TB) *running { return startWith(t, postgrestest.Database(t), small()) }

func startWith(t testing.TB, url string, params hashing.Params) *running {
	t.Helper()
	return startBehind(t, url, params, serve.WallsConfig{Insecure: "shop"})
}

// startBehind starts the service with the given walls.
func startBehind(t testing.TB, url string, params hashing.Params, config serve.WallsConfig) *running {
	t.Helper()
	config.HandlersVerify = true
	walls, err := serve.OpenWalls(config)
	require.NoError(t, err)
	r := &running{url: url, keyFile: filepath.Join(t.TempDir(), "keys.json"), clock: new(identitytest.Clock), log: new(logBuffer), mails: mailtest.Catch(t)}
	logger := slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	r.store, err = postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.ServiceRole)})
	require.NoError(t, err)
	require.NoError(t, r.store.Prepare(t.Context(), logger))
	require.NoError(t, signing.NewKeyFile(r.keyFile, r.clock.Now(), nil))
	keys, err := signing.Open(r.keyFile)
	require.NoError(t, err)
	r.hasher, err = hashing.New(params)
	require.NoError(t, err)
	service, err := access.NewService(access.Config{Store: r.store, Hasher: r.hasher, Keys: keys, Issuer: issuer, Audience: audience, Now: r.clock.Now})
	require.NoError(t, err)
	server, err := serve.Listen(serve.Config{
		Name: "identity", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: logger,
		Walls: walls, Permissions: rpc.Permissions(),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	require.NoError(t, err)
	identityv1.RegisterIdentityServiceServer(server, rpc.NewServer(service, server))
	require.NoError(t, server.Gateway(t.Context(), identityv1.RegisterIdentityServiceHandler))
	server.Handle("GET "+rpc.JWKSPath, rpc.JWKS(keys))
	mailServer, err := mail.ParseServer(r.mails.URL())
	require.NoError(t, err)
	sender, err := mail.NewSender(mailServer, "Code Bank <no-reply@bank.example>")
	require.NoError(t, err)
	mailer := &access.Mailer{Store: r.store, Sender: sender, PagesURL: "https://pages.example/", Logger: logger, Now: r.clock.Now, Every: 10 * time.Millisecond}
	server.Background(mailer.Run)
	server.Background(func(ctx context.Context) { keys.Run(ctx, logger) })
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	r.conn, err = serve.Dial(server.GRPCAddress())
	require.NoError(t, err)
	r.IdentityServiceClient, r.http = identityv1.NewIdentityServiceClient(r.conn), "http://"+server.HTTPAddress()
	r.grpc, r.https = server.GRPCAddress(), "https://"+server.HTTPAddress()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
		_ = r.conn.Close()
		r.store.Close()
	})
	t.Cleanup(r.stop)
	return r
}

// at returns a context of calls from an address.
func at(t testing.TB, address string) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "x-forwarded-for", address)
}

// bearer returns a context of calls with an access token.
func bearer(t testing.TB, tokens *identityv1.Tokens) context.Context {
	return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+tokens.GetAccessToken())
}

// next waits for the next e-mail to an address, and until it is recorded as sent: while it is not, another
// one of its kind that is asked for is the same e-mail.
func (r *running) next(t testing.TB, to string) mailtest.Mail {
	t.Helper()
	found := r.mails.Next(t, to)
	conn, err := pgx.Connect(t.Context(), r.url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	await.Until(t, func() bool {
		var waiting int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM mails WHERE email = $1 AND sent_at IS NULL", to).Scan(&waiting)
		return err == nil && waiting == 0
	}, time.Minute, 2*time.Millisecond)
	return found
}

// open signs a user up.
func (r *running) open(t testing.TB, email string) *identityv1.User {
	t.Helper()
	_, err := r.SignUp(t.Context(), &identityv1.SignUpRequest{Email: email})
	require.NoError(t, err)
	code := r.next(t, email).Code()
	confirmed, err := r.ConfirmSignUp(t.Context(), &identityv1.ConfirmSignUpRequest{Token: code, Password: password})
	require.NoError(t, err)
	return confirmed.GetUser()
}

func (r *running) signIn(ctx context.Context, email, password string) (*identityv1.SignInResponse, error) {
	response, err := r.SignIn(ctx, &identityv1.SignInRequest{Email: email, Password: password, Device: "laptop"})
	return response, serve.FromStatus(err)
}

// mustSignIn signs a user in.
func (r *running) mustSignIn(t testing.TB) *identityv1.SignInResponse {
	t.Helper()
	response, err := r.signIn(t.Context(), alice, password)
	require.NoError(t, err)
	return response
}

// requireReason requires the refusal of a call.
func requireReason(t testing.TB, err error, code fault.Code, reason string) {
	t.Helper()
	require.Error(t, err)
	refused := fault.Of(serve.FromStatus(err))
	require.Equal(t, code, refused.Code, "%v", err)
	require.Equal(t, reason, refused.Reason, "%v", err)
}

func TestSignUpSignInAndSignOut(t *testing.T) {
	r := start(t)
	user := r.open(t, alice)
	require.Equal(t, []identityv1.Role{identityv1.Role_ROLE_CUSTOMER}, user.GetRoles())
	response, err := r.signIn(t.Context(), " Alice@Example.COM ", password)
	require.NoError(t, err, "the address is normalised")
	tokens := response.GetTokens()
	me, err := r.GetMe(bearer(t, tokens), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, user.GetName(), me.GetUser().GetName())
	require.Equal(t, alice, me.GetUser().GetEmail())
	sessions, err := r.ListSessions(bearer(t, tokens), &identityv1.ListSessionsRequest{})
	require.NoError(t, err)
	require.Len(t, sessions.GetSessions(), 1)
	require.Equal(t, tokens.GetSession(), sessions.GetSessions()[0].GetName())
	require.Equal(t, "laptop", sessions.GetSessions()[0].GetDevice())
	require.True(t, sessions.GetSessions()[0].GetCurrent())

	_, err = r.SignOut(bearer(t, tokens), &identityv1.SignOutRequest{})
	require.NoError(t, err)
	_, err = r.GetMe(bearer(t, tokens), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	_, err = r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: tokens.GetRefreshToken()})
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")

	again := r.mustSignIn(t).GetTokens()
	for range 2 { // The second time it has ended.
		_, err = r.SignOut(t.Context(), &identityv1.SignOutRequest{RefreshToken: again.GetRefreshToken()})
		require.NoError(t, err)
	}
	_, err = r.GetMe(bearer(t, again), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	_, err = r.SignOut(t.Context(), &identityv1.SignOutRequest{})
	requireReason(t, err, fault.Unauthenticated, "TOKEN_MISSING")
}

func TestSignUpDoesNotTellWhetherAnAddressHasAnAccount(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	r.clock.Advance(2 * time.Minute)
	known, err := r.SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	unknown, err := r.SignUp(t.Context(), &identityv1.SignUpRequest{Email: "bob@example.com"})
	require.NoError(t, err)
	require.Equal(t, known.String(), unknown.String())
	notice := r.next(t, alice)
	require.Equal(t, "You have an account", notice.Subject)
	require.Empty(t, notice.Code())
	require.NotEmpty(t, r.next(t, "bob@example.com").Code())

	for _, email := range []string{alice, "carol@example.com"} {
		_, err = r.RequestPasswordReset(t.Context(), &identityv1.RequestPasswordResetRequest{Email: email})
		require.NoError(t, err)
	}
	require.Equal(t, "Choose a new password", r.next(t, alice).Subject)
	for _, sent := range r.mails.All() {
		require.NotEqual(t, "carol@example.com", sent.To)
	}
	_, wrong := r.signIn(t.Context(), alice, "wrong password")
	_, nobody := r.signIn(t.Context(), "dave@example.com", "wrong password")
	requireReason(t, wrong, fault.Unauthenticated, "WRONG_CREDENTIALS")
	require.Equal(t, fault.Of(wrong).Message, fault.Of(nobody).Message)
	require.Equal(t, fault.Of(wrong).Reason, fault.Of(nobody).Reason)
}

func TestATokenOfAnEmailIsUsedOnce(t *testing.T) {
	r := start(t)
	_, err := r.SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	sent := r.next(t, alice)
	require.Contains(t, sent.Text, "https://pages.example/confirm#"+sent.Code())
	request := &identityv1.ConfirmSignUpRequest{Token: sent.Code(), Password: "password"}
	_, err = r.ConfirmSignUp(t.Context(), request)
	requireReason(t, err, fault.InvalidArgument, "INVALID_FIELD")
	request.Password = password
	_, err = r.ConfirmSignUp(t.Context(), request)
	require.NoError(t, err, "a password that is refused does not use the token")
	_, err = r.ConfirmSignUp(t.Context(), request)
	requireReason(t, err, fault.FailedPrecondition, "MAIL_TOKEN_INVALID")
	_, err = r.ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: sent.Code(), NewPassword: password})
	requireReason(t, err, fault.FailedPrecondition, "MAIL_TOKEN_INVALID")
}

func TestAnEmailThatTheServerRefusesIsSentLater(t *testing.T) {
	r := start(t)
	r.mails.Refuse(true)
	_, err := r.SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	await.Until(t, func() bool { return strings.Contains(r.log.String(), "an e-mail was not sent") }, time.Minute, 5*time.Millisecond)
	r.mails.Refuse(false)
	r.clock.Advance(5 * time.Second)
	_, err = r.ConfirmSignUp(t.Context(), &identityv1.ConfirmSignUpRequest{Token: r.next(t, alice).Code(), Password: password})
	require.NoError(t, err)
}

func TestAForgottenPasswordIsResetByEmailAndEndsAllSessions(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	tokens := r.mustSignIn(t).GetTokens()
	ask := func() string {
		r.clock.Advance(2 * time.Minute)
		_, err := r.RequestPasswordReset(t.Context(), &identityv1.RequestPasswordResetRequest{Email: alice})
		require.NoError(t, err)
		sent := r.next(t, alice)
		require.Contains(t, sent.Text, "https://pages.example/reset#")
		return sent.Code()
	}
	late := ask()
	r.clock.Advance(31 * time.Minute)
	_, err := r.ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: late, NewPassword: "another good one"})
	requireReason(t, err, fault.FailedPrecondition, "MAIL_TOKEN_INVALID")

	first, second := ask(), ask()
	_, err = r.ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: second, NewPassword: "another good one"})
	require.NoError(t, err)
	for _, used := range []string{first, second} {
		_, err = r.ResetPassword(t.Context(), &identityv1.ResetPasswordRequest{Token: used, NewPassword: "another good one"})
		requireReason(t, err, fault.FailedPrecondition, "MAIL_TOKEN_INVALID")
	}
	_, err = r.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: tokens.GetRefreshToken()})
	requireReason(t, err, fault.Unauthenticated, "REFRESH_TOKEN_INVALID")
	require.Equal(t, "Your password was changed", r.next(t, alice).Subject)
	_, err = r.signIn(t.Context(), alice, password)
	requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
	_, err = r.signIn(t.Context(), alice, "another good one")
	require.NoError(t, err)
}

func TestAChangeOfPasswordEndsTheOtherSessions(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	other, mine := r.mustSignIn(t).GetTokens(), r.mustSignIn(t).GetTokens()
	change := &identityv1.ChangePasswordRequest{CurrentPassword: "wrong password", NewPassword: "another good one"}
	_, err := r.ChangePassword(bearer(t, mine), change)
	requireReason(t, err, fault.Unauthenticated, "WRONG_CREDENTIALS")
	change.CurrentPassword = password
	_, err = r.ChangePassword(bearer(t, mine), change)
	require.NoError(t, err)
	_, err = r.GetMe(bearer(t, other), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	_, err = r.GetMe(bearer(t, mine), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	_, err = r.signIn(t.Context(), alice, "another good one")
	require.NoError(t, err)
}

func TestSessionsAreEndedByTheirUserOnly(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	r.open(t, "bob@example.com")
	mine, other := r.mustSignIn(t).GetTokens(), r.mustSignIn(t).GetTokens()
	bob, err := r.signIn(t.Context(), "bob@example.com", password)
	require.NoError(t, err)
	_, err = r.EndSession(bearer(t, bob.GetTokens()), &identityv1.EndSessionRequest{Name: mine.GetSession()})
	requireReason(t, err, fault.NotFound, "SESSION_NOT_FOUND")
	_, err = r.EndSession(bearer(t, bob.GetTokens()), &identityv1.EndSessionRequest{Name: "sessions/00000000-0000-4000-8000-000000000001"})
	requireReason(t, err, fault.NotFound, "SESSION_NOT_FOUND")
	for range 2 {
		_, err = r.EndSession(bearer(t, mine), &identityv1.EndSessionRequest{Name: other.GetSession()})
		require.NoError(t, err)
	}
	_, err = r.GetMe(bearer(t, other), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
}

func TestTheSessionThatWasNotUsedForTheLongestTimeEndsWhenThereAreTooMany(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	first := r.mustSignIn(t).GetTokens()
	var last *identityv1.Tokens
	for range 20 {
		last = r.mustSignIn(t).GetTokens()
	}
	_, err := r.GetMe(bearer(t, first), &identityv1.GetMeRequest{})
	requireReason(t, err, fault.Unauthenticated, "SESSION_ENDED")
	sessions, err := r.ListSessions(bearer(t, last), &identityv1.ListSessionsRequest{})
	require.NoError(t, err)
	require.Len(t, sessions.GetSessions(), 20)
}

func TestAnAccessTokenIsWhatVerifiersTake(t *testing.T) {
	r := start(t)
	user := r.open(t, alice)
	response, err := http.Get(r.http + rpc.JWKSPath)
	require.NoError(t, err)
	defer response.Body.Close()
	document, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NotContains(t, string(document), `"d"`, "no private part")
	keys, err := token.ParseKeySet(document)
	require.NoError(t, err)
	verifier, err := token.NewVerifier(token.Config{Issuer: issuer, Audience: audience, Keys: keys})
	require.NoError(t, err)
	tokens := r.mustSignIn(t).GetTokens()
	claims, err := verifier.Verify(t.Context(), tokens.GetAccessToken())
	require.NoError(t, err)
	require.Equal(t, strings.TrimPrefix(user.GetName(), "users/"), claims.Subject)
	require.Equal(t, strings.TrimPrefix(tokens.GetSession(), "sessions/"), claims.Session)
	require.Equal(t, []string{"customer"}, claims.Roles)
	require.LessOrEqual(t, claims.ExpiresAt.Sub(claims.IssuedAt), token.MaxLifetime)
	require.Equal(t, tokens.GetAccessTokenExpireTime().AsTime(), claims.ExpiresAt.UTC())
}

func TestOverRESTTheSame(t *testing.T) {
	r := start(t)
	r.open(t, alice)
	post := func(path, body, bearer string) (int, map[string]any) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.http+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		if bearer != "" {
			request.Header.Set("Authorization", "Bearer "+bearer)
		}
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		answer := map[string]any{}
		require.NoError(t, json.NewDecoder(response.Body).Decode(&answer))
		return response.StatusCode, answer
	}
	status, answer := post("/v1/sessions:signIn", `{"email":"alice@example.com","password":"wrong password"}`, "")
	require.Equal(t, http.StatusUnauthorized, status, answer)
	status, answer = post("/v1/sessions:signIn", `{"email":"alice@example.com","password":"`+password+`"}`, "")
	require.Equal(t, http.StatusOK, status, answer)
	tokens, _ := answer["tokens"].(map[string]any)
	accessToken, _ := tokens["accessToken"].(string)
	status, answer = post("/v1/users/me:changePassword", `{"currentPassword":"`+password+`","newPassword":"qwertyuiop"}`, accessToken)
	require.Equal(t, http.StatusBadRequest, status, answer)
	require.Equal(t, "new_password", answer["field"])
	status, answer = post("/v1/sessions:signOut", `{}`, accessToken)
	require.Equal(t, http.StatusOK, status, answer)
	status, answer = post("/v1/sessions:signOut", `{}`, accessToken)
	require.Equal(t, http.StatusUnauthorized, status, answer)
	status, answer = post("/v1/sessions:signOut", `{}`, "")
	require.Equal(t, http.StatusUnauthorized, status, answer)
}
