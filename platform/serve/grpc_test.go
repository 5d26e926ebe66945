package serve_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// rawCodec sends and receives bytes as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }
func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}
func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// undecodable are requests that no codec of the service can read.
func undecodable() map[string][]byte {
	return map[string][]byte{
		"a string that is not UTF-8":  {0x0a, 0x02, 0xff, 0xfe},
		"a length past the end":       {0x0a, 0x7f, 'a'},
		"a field number of zero":      {0x00, 0x01},
		"a varint without an end":     {0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"JSON where a message is due": []byte(`{"requestId":"a"}`),
	}
}

func rawConn(t *testing.T, r *running) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.GRPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestARequestThatCannotBeDecodedIsTheCallersMistake(t *testing.T) {
	r := start(t, newPurchases(), nil)
	conn := rawConn(t, r)
	for name, body := range undecodable() {
		t.Run("unary: "+name, func(t *testing.T) {
			var reply []byte
			err := conn.Invoke(t.Context(), bankv1.PurchaseService_AuthorizePurchase_FullMethodName, body, &reply)
			requireUndecodable(t, err)
		})
		t.Run("stream: "+name, func(t *testing.T) {
			if name == "a string that is not UTF-8" {
				body = append([]byte{0x0a, byte(len(body))}, body...) // within the repeated message
			}
			desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
			stream, err := conn.NewStream(t.Context(), desc, bankv1.PurchaseService_AuthorizePurchases_FullMethodName)
			require.NoError(t, err)
			require.NoError(t, stream.SendMsg(body))
			var reply []byte
			requireUndecodable(t, stream.RecvMsg(&reply))
		})
	}
	_, metrics := r.request(t, "GET", "/metrics", "")
	require.Contains(t, metrics, `codebank_grpc_server_handled_total{grpc_code="InvalidArgument",grpc_method="AuthorizePurchase",grpc_service="bank.v1.PurchaseService"} 5`,
		"a refusal is counted like any other answer")
	require.NotContains(t, r.log.String(), "level=ERROR")
}

func requireUndecodable(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, codes.InvalidArgument, status.Code(err), err)
	require.Equal(t, "UNDECODABLE_REQUEST", fault.Of(serve.FromStatus(err)).Reason)
}

func TestAnErrorKeepsItsCodeReasonFieldAndWait(t *testing.T) {
	client := start(t, newPurchases(), nil).dial(t)
	for description, want := range map[string]fault.Error{
		"invalid": {Code: fault.InvalidArgument, Reason: "INVALID_FIELD", Field: "card_data.number", Message: "The number fails its check digit."},
		"busy":    {Code: fault.ResourceExhausted, Reason: "QUEUE_FULL", Message: "Too many purchases at once.", RetryAfter: 1500 * time.Millisecond},
		"foreign": {Code: fault.Internal, Reason: "INTERNAL", Message: "Something went wrong on our side."},
	} {
		_, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: description})
		requireSameFault(t, &want, fault.Of(err))
	}
}

func TestAPanicIsAnInternalErrorAndTheServerLives(t *testing.T) {
	r := start(t, newPurchases(), nil)
	client := r.dial(t)
	_, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: "panic"})
	require.Equal(t, fault.Internal, fault.CodeOf(err))
	require.NotContains(t, fault.Of(err).Message, "broken")

	stream, err := client.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{{Description: "panic"}}}))
	_, err = stream.Recv()
	require.Equal(t, fault.Internal, fault.CodeOf(err))

	response, body := r.request(t, "GET", "/panic", "")
	require.Equal(t, 500, response.StatusCode)
	require.NotContains(t, body, "broken")

	_, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{RequestId: "after"})
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(r.log.String(), "panic in a handler"))
	_, metrics := r.request(t, "GET", "/metrics", "")
	require.Contains(t, metrics, "codebank_panics_total 3")
}

func TestAUnaryCallHasADeadlineEvenWhenItsCallerSetNone(t *testing.T) {
	client := start(t, newPurchases(), func(c *serve.Config) { c.MaxDeadline = 20 * time.Second }).dial(t)
	for name, deadline := range map[string]time.Duration{"none": 0, "an hour": time.Hour, "ten seconds": 10 * time.Second} {
		ctx, want := t.Context(), "20s"
		if deadline > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline)
			defer cancel()
		}
		if deadline == 10*time.Second {
			want = "10s"
		}
		response, err := client.AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{Description: "deadline"})
		require.NoError(t, err)
		require.Equal(t, want, response.GetPurchase().GetRequestId(), name)
	}
}

func TestACallCarriesItsCallerAndItsTrace(t *testing.T) {
	r := start(t, newPurchases(), nil)
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	whoami := func(ctx context.Context, client bankv1.PurchaseServiceClient) (string, error) {
		response, err := client.AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{Description: "caller"})
		return response.GetPurchase().GetRequestId(), err
	}
	got, err := whoami(serve.ContextWithIdentity(t.Context(), "another", trace), r.dial(t))
	require.NoError(t, err)
	require.Equal(t, "shop "+trace, got)

	got, err = whoami(metadata.AppendToOutgoingContext(t.Context(), "x-codebank-caller", "other", serve.TraceKey, "00-zz-1-01"), r.dial(t))
	require.NoError(t, err)
	require.Regexp(t, "^shop [0-9a-f]{32}$", got, "a header says nothing about the caller, and a broken trace is replaced")
}

func TestACallerIsANameAndNoSecret(t *testing.T) {
	for _, good := range []string{"checkout", "002:checkout", "user:5d1f4a1e-0c1a-4f0a-9a55-3f8f7b0f2a10", strings.Repeat("a", 64)} {
		require.True(t, serve.ValidCaller(good), good)
	}
	for _, bad := range []string{
		"", "a b", strings.Repeat("a", 65), "a/b", "4111111111111111", "shop:4111-1111-1111-1111", "378282246310005.branch",
	} {
		require.False(t, serve.ValidCaller(bad), bad)
		_, err := serve.OpenWalls(serve.WallsConfig{Insecure: bad})
		require.Error(t, err)
		require.True(t, len(bad) < pan.Shortest || !strings.Contains(err.Error(), bad) || !pan.InID(bad), "a caller may be a secret")
	}
}

func TestAnErrorNamesTheTraceItIsLoggedUnder(t *testing.T) {
	r := start(t, newPurchases(), nil)
	_, err := r.dial(t).AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: "foreign"})
	st, ok := status.FromError(fault.Of(err).Unwrap())
	require.True(t, ok)
	var trace string
	for _, detail := range st.Details() {
		if info, ok := detail.(*errdetails.RequestInfo); ok {
			trace = info.GetRequestId()
		}
	}
	require.Regexp(t, "^[0-9a-f]{32}$", trace)
	require.Contains(t, r.log.String(), trace)
	require.Contains(t, r.log.String(), "password rejected", "the cause is in the log only")
}

func TestOnlyTheMethodsNamedAreRetried(t *testing.T) {
	service := newPurchases()
	r := start(t, service, nil)
	count := func() int { return strings.Count(r.log.String(), "code=Unavailable") }
	_, err := r.dial(t).AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: "away"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Equal(t, 1, count())
	retrying := r.dial(t, serve.WithRetry("bank.v1.PurchaseService/AuthorizePurchase"))
	_, err = retrying.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: "away"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Greater(t, count(), 2)
}

func TestATooLargeMessageIsRefused(t *testing.T) {
	client := start(t, newPurchases(), func(c *serve.Config) { c.MaxRequestBytes = 4096 }).dial(t)
	_, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: strings.Repeat("a", 5000)})
	require.Equal(t, fault.ResourceExhausted, fault.CodeOf(err))
}

func TestACompressedMessageIsReadWithinTheSameBound(t *testing.T) {
	r := start(t, newPurchases(), func(c *serve.Config) { c.MaxRequestBytes = 4096 })
	client := r.dial(t, serve.WithGRPC(grpc.WithDefaultCallOptions(grpc.UseCompressor("gzip"))))
	answer, err := client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{RequestId: "r1"})
	require.NoError(t, err)
	require.Equal(t, "r1", answer.GetPurchase().GetRequestId())

	large := strings.Repeat("a", 8<<20) // 8 kB when compressed, but with a bound of 4 kB that is too much too.
	for _, size := range []int{5000, len(large)} {
		_, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{Description: large[:size]})
		require.Equal(t, fault.ResourceExhausted, fault.CodeOf(err), size)
		stream, err := client.AuthorizePurchases(t.Context())
		require.NoError(t, err)
		require.NoError(t, stream.Send(&bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{{Description: large[:size]}}}))
		_, err = stream.Recv()
		require.Equal(t, fault.ResourceExhausted, fault.CodeOf(err), size)
	}
	for _, other := range []string{"identity", ""} {
		_, err = client.AuthorizePurchase(t.Context(), &bankv1.AuthorizePurchaseRequest{}, grpc.UseCompressor(other))
		require.NoError(t, err)
	}
}

func TestMetadataBeyondTheBoundOfRESTIsTaken(t *testing.T) {
	client := start(t, newPurchases(), nil).dial(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", strings.Repeat("a", 33_000))
	_, err := client.AuthorizePurchase(ctx, &bankv1.AuthorizePurchaseRequest{})
	require.NoError(t, err)
}

func TestTheHealthServiceFollowsReadinessAndReflectionIsThere(t *testing.T) {
	r := start(t, newPurchases(), nil)
	client := grpc_health_v1.NewHealthClient(r.conn(t))
	await.Until(t, func() bool {
		response, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "bank.v1.PurchaseService"})
		return err == nil && response.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING
	}, time.Minute, 5*time.Millisecond)
	_, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "no.such.Service"})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}
