package token

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	identityv1 "codebank.dev/schemas/gen/identity/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// breaking tells of one session on each stream, and breaks the stream then.
type breaking struct {
	identityv1.UnimplementedIdentityServiceServer
	asked chan int64
}

func (b *breaking) WatchEndedSessions(request *identityv1.WatchEndedSessionsRequest, stream grpc.ServerStreamingServer[identityv1.WatchEndedSessionsResponse]) error {
	select {
	case b.asked <- request.GetAfterSequence():
	case <-stream.Context().Done():
		return stream.Context().Err()
	}
	next := request.GetAfterSequence() + 1
	err := stream.Send(&identityv1.WatchEndedSessionsResponse{
		Sequence:      next,
		EndedSessions: []*identityv1.EndedSession{{Session: "sessions/" + string('a'+rune(next)), TokensExpireTime: timestamppb.New(time.Now().Add(time.Hour))}},
	})
	if err != nil {
		return err
	}
	return status.Error(codes.Unavailable, "broken")
}

func TestAStreamThatBreaksGoesOnWhereItWas(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	issuer := &breaking{asked: make(chan int64)}
	identityv1.RegisterIdentityServiceServer(server, issuer)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	conn, err := grpc.NewClient("passthrough:///"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	ended := NewEnded(nil)
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() { ended.Watch(ctx, identityv1.NewIdentityServiceClient(conn), slog.New(slog.DiscardHandler)) })
	for want := range int64(3) {
		require.Equal(t, want, <-issuer.asked)
	}
	require.True(t, ended.Has("b"))
	require.True(t, ended.Has("c"))
	require.False(t, ended.Has("z"))
	require.True(t, ended.HeardWithin(time.Minute))
	cancel()
	server.Stop()
	running.Wait()
	require.NoError(t, conn.Close())
}
