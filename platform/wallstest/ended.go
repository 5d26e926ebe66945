package wallstest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// heartbeat is how often a stream of ended sessions says that it is alive.
const heartbeat = 50 * time.Millisecond

// ended tells which sessions have ended, as the program identity does.
type ended struct {
	identityv1.IdentityServiceServer // answers all other calls

	address string
	mutex   sync.Mutex
	all     []*identityv1.EndedSession
}

// StartIdentity serves, until the test ends, the stream of the sessions that EndSession ends. Call it before
// Config, Walls and Flags.
func (k *Kit) StartIdentity(t testing.TB) {
	t.Helper()
	k.StartIdentityAs(t, identityv1.UnimplementedIdentityServiceServer{})
}

// StartIdentityAs is StartIdentity with a service that answers all other calls, which anybody may make.
func (k *Kit) StartIdentityAs(t testing.TB, service identityv1.IdentityServiceServer) {
	t.Helper()
	walls, err := serve.OpenWalls(serve.WallsConfig{TLS: k.Files(t, "identity"), HandlersVerify: true})
	require.NoError(t, err)
	table := make(permission.Table)
	for _, method := range identityv1.IdentityService_ServiceDesc.Methods {
		table["/"+identityv1.IdentityService_ServiceDesc.ServiceName+"/"+method.MethodName] = permission.Rule{Anybody: true}
	}
	table[identityv1.IdentityService_WatchEndedSessions_FullMethodName] = permission.Rule{Services: permission.AllServices, Operators: true}
	server, err := serve.Listen(serve.Config{
		Name: "identity", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		Walls: walls, Permissions: table,
	})
	require.NoError(t, err)
	k.ended = &ended{IdentityServiceServer: service, address: server.GRPCAddress()}
	identityv1.RegisterIdentityServiceServer(server, k.ended)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error, 1)
	go func() { gone <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-gone)
	})
}

func (k *Kit) identityAddress() string {
	if k.ended == nil {
		return ""
	}
	return k.ended.address
}

// EndSession ends a session. Programs hear of it soon after.
func (k *Kit) EndSession(session string) {
	k.ended.mutex.Lock()
	defer k.ended.mutex.Unlock()
	k.ended.all = append(k.ended.all, &identityv1.EndedSession{
		Session: "sessions/" + session, TokensExpireTime: timestamppb.New(time.Now().Add(time.Hour)),
	})
}

// WatchEndedSessions implements identityv1.IdentityServiceServer.
func (e *ended) WatchEndedSessions(request *identityv1.WatchEndedSessionsRequest, stream grpc.ServerStreamingServer[identityv1.WatchEndedSessionsResponse]) error {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	told := int(request.GetAfterSequence())
	for {
		e.mutex.Lock()
		news := e.all[min(told, len(e.all)):]
		e.mutex.Unlock()
		told += len(news)
		if err := stream.Send(&identityv1.WatchEndedSessionsResponse{EndedSessions: news, Sequence: int64(told)}); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return nil
		case <-ticker.C:
		}
	}
}
