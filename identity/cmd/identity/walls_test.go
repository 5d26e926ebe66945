package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
)

// pair is the program over TLS, and a service of another program that verifies its tokens.
type pair struct {
	*setting
	kit        *wallstest.Kit
	grpc, http string
	identity   identityv1.IdentityServiceClient
	// people calls the service without a certificate, and program with one.
	people, program bankv1.CardServiceClient
}

// teller lets customers read cards, and block them, which acts.
type teller struct {
	bankv1.UnimplementedCardServiceServer
}

func (teller) GetCard(context.Context, *bankv1.GetCardRequest) (*bankv1.GetCardResponse, error) {
	return &bankv1.GetCardResponse{}, nil
}

func (teller) BlockCard(context.Context, *bankv1.BlockCardRequest) (*bankv1.BlockCardResponse, error) {
	return &bankv1.BlockCardResponse{}, nil
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{setting: newSetting(t, postgrestest.Database(t)), kit: wallstest.New(t), grpc: free(t), http: free(t)}
	p.identity = identityv1.NewIdentityServiceClient(p.kit.Dial(t, p.grpc, ""))
	return p
}

// free returns an address that no program listens on.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// launchTLS starts the program on the addresses of the pair, and waits until it is ready.
func (p *pair) launchTLS(t *testing.T) *programtest.Program {
	t.Helper()
	files := p.kit.Files(t, "identity")
	program := programtest.Start(t, []string{"IDENTITY_DATABASE_URL=" + p.service(t), "IDENTITY_SMTP_URL=" + p.mails.URL()},
		"--grpc-address="+p.grpc, "--http-address="+p.http, "--signing-keys="+p.keys, "--issuer="+wallstest.Issuer,
		"--tls-certificate="+files.Certificate, "--tls-key="+files.Key, "--tls-authority="+files.Authority, "--tls-denied="+files.Denied)
	await.Until(t, func() bool { status, _ := p.get(t, "/readyz"); return status == http.StatusOK }, time.Minute, 20*time.Millisecond)
	return program
}

// get requests a page of the program as a browser without a certificate does.
func (p *pair) get(t *testing.T, path string) (int, string) {
	t.Helper()
	response, err := p.kit.HTTP(t, "").Get("https://" + p.http + path)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// verify starts the service of the other program.
func (p *pair) verify(t *testing.T) {
	t.Helper()
	walls := p.kit.Walls(t, "bank", func(c *serve.WallsConfig) {
		c.Tokens = token.Settings{Issuer: wallstest.Issuer, Audience: wallstest.Audience, Keys: "https://" + p.http + "/.well-known/jwks.json"}
		c.IdentityAddress = p.grpc
	})
	table := make(permission.Table)
	for _, method := range bankv1.CardService_ServiceDesc.Methods {
		table["/"+bankv1.CardService_ServiceDesc.ServiceName+"/"+method.MethodName] = permission.Rule{}
	}
	read := permission.Rule{Role: permission.RoleCustomer, Services: permission.AllServices, Whose: permission.Own}
	act := read
	act.Acts = true
	table[bankv1.CardService_GetCard_FullMethodName], table[bankv1.CardService_BlockCard_FullMethodName] = read, act
	server, err := serve.Listen(serve.Config{
		Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Walls: walls, Permissions: table,
	})
	require.NoError(t, err)
	bankv1.RegisterCardServiceServer(server, teller{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	p.people = bankv1.NewCardServiceClient(p.kit.Dial(t, server.GRPCAddress(), ""))
	p.program = bankv1.NewCardServiceClient(p.kit.Dial(t, server.GRPCAddress(), "checkout"))
}

// signUp opens an account and signs in.
func (p *pair) signUp(t *testing.T) *identityv1.Tokens {
	t.Helper()
	_, err := p.identity.SignUp(t.Context(), &identityv1.SignUpRequest{Email: alice})
	require.NoError(t, err)
	_, err = p.identity.ConfirmSignUp(t.Context(), &identityv1.ConfirmSignUpRequest{Token: p.mails.Next(t, alice).Code(), Password: password})
	require.NoError(t, err)
	return p.signIn(t)
}

func (p *pair) signIn(t *testing.T) *identityv1.Tokens {
	t.Helper()
	response, err := p.identity.SignIn(t.Context(), &identityv1.SignInRequest{Email: alice, Password: password})
	require.NoError(t, err)
	return response.GetTokens()
}

// reads and acts return the errors of calls of the service with an access token.
func (p *pair) reads(t *testing.T, tokens *identityv1.Tokens) error {
	_, err := p.people.GetCard(wallstest.WithToken(t.Context(), tokens.GetAccessToken()), &bankv1.GetCardRequest{})
	return err
}

func (p *pair) acts(t *testing.T, tokens *identityv1.Tokens) error {
	_, err := p.people.BlockCard(wallstest.WithToken(t.Context(), tokens.GetAccessToken()), &bankv1.BlockCardRequest{})
	return err
}

// actsAgain waits until the service has heard which sessions have ended.
func (p *pair) actsAgain(t *testing.T, tokens *identityv1.Tokens) {
	t.Helper()
	await.Until(t, func() bool { return p.acts(t, tokens) == nil }, time.Minute, 20*time.Millisecond)
}

// The promise to a user who signs out, and to one while the program is away.
func TestAnEndedSessionIsRefusedElsewhereAndPeopleOnlyReadWhileNobodyKnows(t *testing.T) {
	p := newPair(t)
	program := p.launchTLS(t)
	p.verify(t)
	tokens, other := p.signUp(t), p.signIn(t)
	p.actsAgain(t, tokens)
	require.NoError(t, p.reads(t, tokens))
	for path, want := range map[string]string{"/docs": "Code Bank identity v1", "/openapi.json": "IdentityService", "/.well-known/jwks.json": `"crv":"Ed25519"`} {
		status, body := p.get(t, path)
		require.Equal(t, http.StatusOK, status)
		require.Contains(t, body, want)
	}

	_, err := p.identity.SignOut(wallstest.WithToken(t.Context(), tokens.GetAccessToken()), &identityv1.SignOutRequest{})
	require.NoError(t, err)
	signedOut := time.Now()
	await.Until(t, func() bool { return p.reads(t, tokens) != nil }, time.Minute, 5*time.Millisecond)
	t.Logf("refused after %s", time.Since(signedOut))
	require.Less(t, time.Since(signedOut), 5*time.Second)
	require.Equal(t, "SESSION_ENDED", fault.Of(p.reads(t, tokens)).Reason)
	require.NoError(t, p.acts(t, other), "another session of the user goes on")

	program.Interrupt(t)
	stopped := time.Now()
	await.Until(t, func() bool { return p.acts(t, other) != nil }, time.Minute, 20*time.Millisecond)
	t.Logf("unavailable after %s", time.Since(stopped))
	refused := fault.Of(p.acts(t, other))
	require.Equal(t, fault.Unavailable, refused.Code, "%v", refused)
	require.Equal(t, "SESSIONS_UNKNOWN", refused.Reason)
	require.Positive(t, refused.RetryAfter)
	require.NoError(t, p.reads(t, other), "reads go on")
	require.Equal(t, "SESSION_ENDED", fault.Of(p.reads(t, tokens)).Reason, "what is known stays known")
	_, err = p.program.BlockCard(t.Context(), &bankv1.BlockCardRequest{})
	require.NoError(t, err, "calls of programs go on")

	p.launchTLS(t)
	p.actsAgain(t, other)
	require.NoError(t, p.reads(t, other))
	require.Equal(t, "SESSION_ENDED", fault.Of(p.reads(t, tokens)).Reason)
}

// The keys are rotated while users refresh their tokens and call another program: no call fails.
func TestARotationOfKeysFailsNoCallElsewhere(t *testing.T) {
	p := newPair(t)
	p.launchTLS(t)
	p.verify(t)
	p.actsAgain(t, p.signUp(t))
	var calls atomic.Int64
	var keys sync.Map // header of a token → true
	failed := make(chan error, 4)
	loading, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range cap(failed) {
		mine := p.signIn(t)
		load.Go(func() {
			for loading.Err() == nil {
				response, err := p.identity.Refresh(t.Context(), &identityv1.RefreshRequest{RefreshToken: mine.GetRefreshToken()})
				if err == nil {
					// The token before and the new one, of two keys in the moment of the change.
					err = p.acts(t, mine)
					mine = response.GetTokens()
				}
				if err == nil {
					err = p.acts(t, mine)
				}
				if err != nil {
					failed <- err
					return
				}
				header, _, _ := strings.Cut(mine.GetAccessToken(), ".")
				keys.Store(header, true)
				calls.Add(2)
			}
		})
	}
	out, err := p.command(t, "keys rotate", "--all", "--publish-for=4s", "--retire-after=6s")
	require.NoError(t, err)
	require.Contains(t, out, "the rotation is complete")
	rotated := calls.Load()
	await.Until(t, func() bool { return calls.Load() > rotated+100 || len(failed) > 0 }, time.Minute, 10*time.Millisecond)
	stop()
	load.Wait()
	if len(failed) > 0 {
		require.NoError(t, <-failed, "after %d calls", calls.Load())
	}
	used := 0
	keys.Range(func(_, _ any) bool { used++; return true })
	require.Equal(t, 2, used, "tokens of both keys were sent")
	t.Logf("%d calls", calls.Load())
}
