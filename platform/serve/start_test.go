package serve_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func TestCallsThatComeBeforeTheProgramIsPreparedAreUnavailable(t *testing.T) {
	prepared, worked := make(chan struct{}), make(chan struct{})
	answers := ""
	r := start(t, newPurchases(), nil, func(server *serve.Server) {
		server.Prepare(func(ctx context.Context) error {
			select {
			case <-prepared:
				answers = "prepared"
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		server.Background(func(ctx context.Context) {
			require.Equal(t, "prepared", answers)
			<-ctx.Done()
			close(worked)
		})
	})
	client := r.dial(t)
	_, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{})
	early := fault.Of(err)
	require.Equal(t, fault.Unavailable, early.Code)
	require.Equal(t, "STARTING", early.Reason)
	require.Equal(t, time.Second, early.RetryAfter)
	stream, err := client.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, fault.Unavailable, fault.CodeOf(serve.FromStatus(err)))
	response, body := r.request(t, "POST", "/v1/purchases:authorize", `{}`)
	require.Equal(t, 503, response.StatusCode, body)
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	response, _ = r.request(t, "GET", "/livez", "")
	require.Equal(t, 200, response.StatusCode)
	response, body = r.request(t, "GET", "/readyz", "")
	require.Equal(t, 503, response.StatusCode)
	require.JSONEq(t, `{"ready":false,"checks":[{"name":"start","status":"failed","message":"the program prepares its work"}]}`, body)
	health, err := grpc_health_v1.NewHealthClient(r.conn(t)).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err, "the health service answers")
	require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, health.GetStatus())

	close(prepared)
	await.Until(t, func() bool {
		response, _ := r.request(t, "GET", "/readyz", "")
		return response.StatusCode == 200
	}, time.Minute, 10*time.Millisecond)
	_, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{})
	require.NoError(t, err)
	require.NoError(t, r.stop())
	<-worked
}

func TestAnErrorOfPreparingEndsTheProgram(t *testing.T) {
	server, err := serve.Listen(serve.Config{
		Name: "test", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Walls: plain(t, "shop"),
	})
	require.NoError(t, err)
	wrong := errors.New("the database belongs to another bank")
	server.Prepare(func(context.Context) error { return wrong })
	server.Background(func(context.Context) { t.Error("worked without being prepared") })
	require.ErrorIs(t, server.Run(t.Context()), wrong)
}

func TestAProgramThatIsToldToEndWhileItPreparesEndsWell(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, err := serve.Listen(serve.Config{
		Name: "test", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler), Walls: plain(t, "shop"),
	})
	require.NoError(t, err)
	server.Prepare(func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, server.Run(ctx))
}
