package rpc_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"codebank.dev/identity/rpc"
	"codebank.dev/identity/signing"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
)

const bob = "bob@example.com"

// crossTokens returns tokens of alice, right and wrong, one of bob, and a session of alice's that nobody uses.
func (r *running) crossTokens(t *testing.T) (tokens map[wallstest.Caller]string, session string) {
	t.Helper()
	r.open(t, alice)
	r.open(t, bob)
	signed := func(change func(header, claims map[string]any)) string { return r.signed(t, change) }
	tokens = map[wallstest.Caller]string{wallstest.RetiredKey: signed(func(_, _ map[string]any) {})}
	_, retired := r.key(t, 0)
	for range 3 {
		_, err := signing.Rotate(r.keyFile, r.clock.Now(), signing.Waits{}, nil)
		require.NoError(t, err)
	}
	await.Until(t, func() bool { return !strings.Contains(r.publishedKeys(t), retired) }, time.Minute, 50*time.Millisecond)

	hourAgo := r.clock.Now().Add(-time.Hour).Unix()
	tokens[wallstest.Owner] = signed(func(_, _ map[string]any) {})
	tokens[wallstest.Expired] = signed(func(_, c map[string]any) { c["iat"], c["nbf"], c["exp"] = hourAgo, hourAgo, hourAgo+900 })
	tokens[wallstest.WrongAudience] = signed(func(_, c map[string]any) { c["aud"] = "elsewhere" })
	tokens[wallstest.AlgorithmNone] = signed(func(h, _ map[string]any) { h["alg"] = "none" })
	tokens[wallstest.AlgorithmHS256] = signed(func(h, _ map[string]any) { h["alg"] = "HS256" })
	tokens[wallstest.WrongRole] = signed(func(_, c map[string]any) { c["roles"] = []string{"nothing"} })
	theirs, err := r.signIn(t.Context(), bob, password)
	require.NoError(t, err)
	tokens[wallstest.Other] = theirs.GetTokens().GetAccessToken()
	ended := r.mustSignIn(t).GetTokens()
	_, err = r.SignOut(bearer(t, ended), &identityv1.SignOutRequest{})
	require.NoError(t, err)
	tokens[wallstest.EndedSession] = ended.GetAccessToken()
	return tokens, r.mustSignIn(t).GetTokens().GetSession()
}

// publishedKeys returns the key set as it is served.
func (r *running) publishedKeys(t *testing.T) string {
	t.Helper()
	response, err := r.web.Get(r.https + rpc.JWKSPath)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}

func TestEveryMethodIsForThoseOnly(t *testing.T) {
	kit := wallstest.New(t)
	r := startBehind(t, postgrestest.Database(t), small(), serve.WallsConfig{TLS: kit.Files(t, "identity"), Operators: []string{"operator"}})
	r.IdentityServiceClient, r.web = identityv1.NewIdentityServiceClient(kit.Dial(t, r.grpc, "")), kit.HTTP(t, "")
	tokens, session := r.crossTokens(t)
	// owner, other customer, service, service not listed, operator, nobody; then the owner with a token that is
	// expired, for another audience, without a signature, signed with the public key, of a retired key, of an
	// ended session, without the role.
	const (
		// A request that cannot be meant is refused as such to whoever may make it.
		everybody = "400 400 400 400 400 400 400 400 400 400 400 400 400"
		people    = "200 200 401 401 401 401 401 401 401 401 401 401 200"
	)
	row := func(method, cells string, message proto.Message) wallstest.Row {
		return wallstest.Row{Method: method, Cells: cells, Request: func(wallstest.Caller) proto.Message { return message }}
	}
	matrix := wallstest.Matrix{
		Kit: kit, GRPC: r.grpc, HTTP: strings.TrimPrefix(r.https, "https://"), Tokens: tokens,
		Service: "bank", Unlisted: "checkout", Operator: "operator",
		Rows: []wallstest.Row{
			row(identityv1.IdentityService_SignUp_FullMethodName, everybody, &identityv1.SignUpRequest{Email: "nobody"}),
			row(identityv1.IdentityService_ConfirmSignUp_FullMethodName, everybody, &identityv1.ConfirmSignUpRequest{Token: "none"}),
			row(identityv1.IdentityService_SignIn_FullMethodName, everybody, &identityv1.SignInRequest{Email: "nobody"}),
			row(identityv1.IdentityService_Refresh_FullMethodName, everybody, &identityv1.RefreshRequest{RefreshToken: "none"}),
			row(identityv1.IdentityService_SignOut_FullMethodName, everybody, &identityv1.SignOutRequest{RefreshToken: "none"}),
			row(identityv1.IdentityService_RequestPasswordReset_FullMethodName, everybody, &identityv1.RequestPasswordResetRequest{Email: "nobody"}),
			row(identityv1.IdentityService_ResetPassword_FullMethodName, everybody, &identityv1.ResetPasswordRequest{Token: "none"}),
			row(identityv1.IdentityService_GetMe_FullMethodName, people, &identityv1.GetMeRequest{}),
			row(identityv1.IdentityService_ListSessions_FullMethodName, people, &identityv1.ListSessionsRequest{}),
			row(identityv1.IdentityService_EndSession_FullMethodName, "200 404 401 401 401 401 401 401 401 401 401 401 200",
				&identityv1.EndSessionRequest{Name: session}),
			row(identityv1.IdentityService_ChangePassword_FullMethodName, "400 400 401 401 401 401 401 401 401 401 401 401 400",
				&identityv1.ChangePasswordRequest{CurrentPassword: password, NewPassword: "short"}),
			row(identityv1.IdentityService_WatchEndedSessions_FullMethodName, "401 401 200 200 200 401 401 401 401 401 401 401 401",
				&identityv1.WatchEndedSessionsRequest{}),
		},
	}
	matrix.Run(t, identityv1.IdentityService_ServiceDesc)
}
