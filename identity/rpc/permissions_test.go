package rpc_test

import (
	"net/http"
	"testing"

	"codebank.dev/identity/rpc"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// With TLS, people sign up and in without a certificate, and only programs hear of the ends of sessions.
func TestPeopleNeedNoCertificateAndProgramsDo(t *testing.T) {
	kit := wallstest.New(t)
	r := startBehind(t, postgrestest.Database(t), small(), serve.WallsConfig{TLS: kit.Files(t, "identity")})
	r.IdentityServiceClient = identityv1.NewIdentityServiceClient(kit.Dial(t, r.grpc, ""))
	user := r.open(t, alice)
	tokens := r.mustSignIn(t).GetTokens()
	me, err := r.GetMe(bearer(t, tokens), &identityv1.GetMeRequest{})
	require.NoError(t, err)
	require.Equal(t, user.GetName(), me.GetUser().GetName())
	_, err = r.GetMe(t.Context(), &identityv1.GetMeRequest{})
	require.Equal(t, codes.Unauthenticated, status.Code(err))

	for as, want := range map[string]codes.Code{"": codes.Unauthenticated, "bank": codes.OK, "operator": codes.OK} {
		client := identityv1.NewIdentityServiceClient(kit.Dial(t, r.grpc, as))
		stream, err := client.WatchEndedSessions(t.Context(), &identityv1.WatchEndedSessionsRequest{})
		require.NoError(t, err)
		_, err = stream.Recv()
		require.Equal(t, want, status.Code(err), "%q: %v", as, err)
	}
	response, err := kit.HTTP(t, "").Get(r.https + rpc.JWKSPath)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
}
