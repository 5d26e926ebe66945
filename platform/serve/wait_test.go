package serve_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
)

// serveHealth serves at an address, as soon as it is free, and returns the address and what ends that.
func serveHealth(t *testing.T, address string) (string, func()) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	require.NoError(t, err)
	server := grpc.NewServer()
	healthv1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server.Stop
}

// check calls with a deadline and returns how long it took.
func check(t *testing.T, client healthv1.HealthClient, within time.Duration) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	began := time.Now()
	_, err := client.Check(ctx, &healthv1.HealthCheckRequest{})
	return time.Since(began), err
}

func TestACallWaitsUntilTheOtherSideIsBack(t *testing.T) {
	t.Parallel()
	address, stop := serveHealth(t, "127.0.0.1:0")
	waits, err := serve.Dial(address, serve.WithWait(2*time.Second))
	require.NoError(t, err)
	defer waits.Close()
	atOnce, err := serve.Dial(address)
	require.NoError(t, err)
	defer atOnce.Close()
	for _, conn := range []*grpc.ClientConn{waits, atOnce} {
		_, err := check(t, healthv1.NewHealthClient(conn), time.Minute)
		require.NoError(t, err)
	}
	stop()
	refused := func() time.Duration {
		took, err := check(t, healthv1.NewHealthClient(waits), time.Minute)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
		return took
	}
	// Calls fail at once until the client has noticed. After two that wait, the time between two tries to connect is
	// the longest.
	await.Until(t, func() bool { return refused() > 1900*time.Millisecond }, time.Minute, time.Millisecond)
	require.Greater(t, refused(), 1900*time.Millisecond)
	_, stop = serveHealth(t, address)
	_, err = check(t, healthv1.NewHealthClient(waits), time.Minute)
	require.NoError(t, err, "the first call succeeds when the other side is back")
	stop()
	took, err := check(t, healthv1.NewHealthClient(atOnce), time.Minute)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.Less(t, took, 1900*time.Millisecond, "without the option it does not wait")
	_, err = check(t, healthv1.NewHealthClient(waits), time.Second)
	require.Contains(t, []fault.Code{fault.Unavailable, fault.DeadlineExceeded}, fault.CodeOf(err), "%v", err)
	waits.Close()
	took, err = check(t, healthv1.NewHealthClient(waits), time.Minute)
	require.Error(t, err)
	require.Less(t, took, 1900*time.Millisecond, "a connection that is closed never comes back")
}
