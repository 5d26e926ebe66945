package serve_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// purchases is a service whose answers a test chooses by the request's description.
type purchases struct {
	bankv1.UnimplementedPurchaseServiceServer
	release chan struct{}
	entered chan struct{}
}

func newPurchases() *purchases {
	return &purchases{release: make(chan struct{}), entered: make(chan struct{}, 100)}
}

func (p *purchases) AuthorizePurchase(ctx context.Context, request *bankv1.AuthorizePurchaseRequest) (*bankv1.AuthorizePurchaseResponse, error) {
	switch request.GetDescription() {
	case "panic":
		panic("a broken handler")
	case "wait":
		p.entered <- struct{}{}
		select {
		case <-p.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "foreign":
		return nil, errors.New("dial tcp 10.0.0.1:5432: password rejected")
	case "invalid":
		return nil, fault.Invalid("card_data.number", "The number fails its check digit.")
	case "busy":
		return nil, fault.New(fault.ResourceExhausted, "QUEUE_FULL", "Too many purchases at once.").After(1500 * time.Millisecond)
	case "away":
		return nil, fault.New(fault.Unavailable, "DATABASE_AWAY", "The database is away.").After(time.Second)
	case "deadline":
		deadline, _ := ctx.Deadline()
		return answer(time.Until(deadline).Round(time.Second).String()), nil
	case "caller":
		return answer(serve.Caller(ctx) + " " + serve.TraceID(ctx)), nil
	}
	return answer(request.GetRequestId()), nil
}

func (p *purchases) AuthorizePurchases(stream grpc.BidiStreamingServer[bankv1.AuthorizePurchasesRequest, bankv1.AuthorizePurchasesResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := &bankv1.AuthorizePurchasesResponse{}
		for _, purchase := range request.GetPurchases() {
			if purchase.GetDescription() == "panic" {
				panic("a broken stream")
			}
			response.Results = append(response.Results, &bankv1.AuthorizePurchaseResult{RequestId: purchase.GetRequestId()})
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func answer(text string) *bankv1.AuthorizePurchaseResponse {
	return &bankv1.AuthorizePurchaseResponse{Purchase: &bankv1.Purchase{RequestId: text}}
}

// plain returns walls in plain text that take every caller for a program.
func plain(t testing.TB, program string) *serve.Walls {
	t.Helper()
	walls, err := serve.OpenWalls(serve.WallsConfig{Insecure: program, HandlersVerify: true})
	require.NoError(t, err)
	return walls
}

// everybody lets every program call the service of purchases, and further ones.
func everybody(further ...grpc.ServiceDesc) permission.Table {
	table := make(permission.Table)
	for _, service := range append(further, bankv1.PurchaseService_ServiceDesc) {
		for _, method := range service.Methods {
			table["/"+service.ServiceName+"/"+method.MethodName] = permission.Rule{Services: permission.AllServices}
		}
		for _, stream := range service.Streams {
			table["/"+service.ServiceName+"/"+stream.StreamName] = permission.Rule{Services: permission.AllServices}
		}
	}
	return table
}

// running is a server on free ports that ends with its test.
type running struct {
	*serve.Server
	log  *logBuffer
	stop func() error
}

func start(t *testing.T, service bankv1.PurchaseServiceServer, change func(*serve.Config), before ...func(*serve.Server)) *running {
	t.Helper()
	log := &logBuffer{}
	config := serve.Config{
		Name: "test", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0",
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Walls:  plain(t, "shop"), Permissions: everybody(),
	}
	if change != nil {
		change(&config)
	}
	server, err := serve.Listen(config)
	require.NoError(t, err)
	bankv1.RegisterPurchaseServiceServer(server, service)
	require.NoError(t, server.Gateway(t.Context(), bankv1.RegisterPurchaseServiceHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r := &running{Server: server, log: log}
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	server.Handle("GET /panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a broken page") }))
	server.Handle("GET /events", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		<-server.Draining()
	}))
	for _, register := range before {
		register(server)
	}
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() { require.NoError(t, r.stop()) })
	return r
}

func (r *running) dial(t *testing.T, options ...serve.DialOption) bankv1.PurchaseServiceClient {
	t.Helper()
	return bankv1.NewPurchaseServiceClient(r.conn(t, options...))
}

func (r *running) conn(t *testing.T, options ...serve.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := serve.Dial(r.GRPCAddress(), options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// request sends one HTTP request and returns the answer with its body read. A header
// that is given twice is sent twice.
func (r *running) request(t *testing.T, method, path, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.HTTPAddress()+path, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	given := make(map[string]bool)
	for i := 0; i+1 < len(headers); i += 2 {
		if !given[headers[i]] {
			request.Header.Del(headers[i])
		}
		given[headers[i]] = true
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

// logBuffer is a log that a test may read while the server writes.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func TestAProgramWithoutCallsHasNoListenerForThem(t *testing.T) {
	server, err := serve.Listen(serve.Config{Name: "pages", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.Empty(t, server.GRPCAddress())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	answer, err := http.Get("http://" + server.HTTPAddress() + "/livez")
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	stop()
	require.NoError(t, <-ended)
}
