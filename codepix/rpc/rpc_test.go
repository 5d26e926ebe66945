package rpc_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/inmem"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/rpc"
	"codebank.dev/platform/rpctest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
	"codebank.dev/platform/wallstest"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// hub is a hub that serves payments in memory.
type hub struct {
	kit   *wallstest.Kit
	store *inmem.Payments
	desk  *desk
	// directory serves what desk has.
	directory *rpc.Directory
	// keys is the database of the benchmark.
	keys    directory.Store
	address string
	http    string
}

// start serves until the test ends.
func start(t testing.TB) *hub {
	t.Helper()
	h := &hub{kit: wallstest.New(t), store: inmem.NewPayments(), desk: newDesk(t)}
	walls := h.kit.Walls(t, "-/codepix", func(config *serve.WallsConfig) {
		config.Tokens, config.HandlersVerify, config.Operators = token.Settings{}, true, []string{"operator"}
	})
	server, err := serve.Listen(serve.Config{
		Name: "codepix", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Walls: walls, Permissions: rpc.Permissions(), Logger: slog.New(slog.NewTextHandler(&h.desk.log, nil)),
	})
	require.NoError(t, err)
	pages, err := serve.NewPageTokens(make([]byte, serve.MinPageTokenKey))
	require.NoError(t, err)
	codepixv1.RegisterPaymentServiceServer(server, &rpc.Payments{Store: h.store, Pages: pages})
	h.directory = &rpc.Directory{Service: h.desk.Service, Pages: pages}
	codepixv1.RegisterDirectoryServiceServer(server, h.directory)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	h.address, h.http = server.GRPCAddress(), server.HTTPAddress()
	return h
}

// as returns a client with the certificate of a program.
func (h *hub) as(t testing.TB, program string) codepixv1.PaymentServiceClient {
	t.Helper()
	return codepixv1.NewPaymentServiceClient(h.kit.Dial(t, h.address, program))
}

func (h *hub) apply(t testing.TB, bank string, messages ...payment.Message) {
	t.Helper()
	_, err := h.store.Apply(t.Context(), codepixtest.From(bank, messages...))
	require.NoError(t, err)
}

func name(m payment.Message) string { return "payments/" + string(m.ID) }

func TestAPaymentIsShownToItsTwoBanks(t *testing.T) {
	h := start(t)
	first := codepixtest.Payment(1)
	h.apply(t, codepixtest.SenderBank, first)
	h.apply(t, codepixtest.ReceiverBank, codepixtest.Answer(first, payment.Confirm), codepixtest.Return(1, &first, 400))
	for as, want := range map[string]codes.Code{
		"001/bank": codes.OK, "002/bank": codes.OK, "-/operator": codes.OK, "003/bank": codes.NotFound, "002/checkout": codes.NotFound, "-/identity": codes.NotFound,
		"002/operator": codes.NotFound,
	} {
		answer, err := h.as(t, as).GetPayment(t.Context(), &codepixv1.GetPaymentRequest{Name: name(first)})
		require.Equal(t, want, status.Code(err), "%s: %v", as, err)
		if want == codes.OK {
			shown := answer.GetPayment()
			require.Equal(t, codepixv1.PaymentState_PAYMENT_STATE_CONFIRMED, shown.GetState())
			require.EqualValues(t, 1000, shown.GetAmountMinor())
			require.Equal(t, codepixtest.Noon, shown.GetInitiateTime().AsTime())
			require.Equal(t, codepixtest.Noon.Add(time.Second), shown.GetConfirmTime().AsTime())
			require.Nil(t, shown.GetEndTime())
			require.NotNil(t, shown.GetNextAttemptTime())
		}
	}
	back, err := h.as(t, "001/bank").GetPayment(t.Context(), &codepixv1.GetPaymentRequest{Name: name(codepixtest.Return(1, &first, 400))})
	require.NoError(t, err)
	require.Equal(t, name(first), back.GetPayment().GetOriginal())
	require.Nil(t, back.GetPayment().GetNextAttemptTime(), "it waits for its original")
	for _, wrong := range []string{"", "payments/", "payments/E1", string(first.ID), name(first) + "0"} {
		_, err := h.as(t, "001/bank").GetPayment(t.Context(), &codepixv1.GetPaymentRequest{Name: wrong})
		require.Equal(t, codes.InvalidArgument, status.Code(err), wrong)
	}
	_, err = h.as(t, "001/bank").GetPayment(t.Context(), &codepixv1.GetPaymentRequest{Name: name(codepixtest.Payment(2))})
	require.Equal(t, codes.NotFound, status.Code(err))
}

func TestABankListsItsOwnPaymentsInPages(t *testing.T) {
	h := start(t)
	for i := range 5 {
		h.apply(t, codepixtest.SenderBank, codepixtest.Payment(i))
	}
	h.apply(t, codepixtest.ReceiverBank, codepixtest.Answer(codepixtest.Payment(2), payment.Reject))
	list := func(as string, request *codepixv1.ListPaymentsRequest) (names []string) {
		for {
			answer, err := h.as(t, as).ListPayments(t.Context(), request)
			require.NoError(t, err, as)
			for _, shown := range answer.GetPayments() {
				names = append(names, shown.GetName())
			}
			if request.PageToken = answer.GetNextPageToken(); request.GetPageToken() == "" {
				return names
			}
		}
	}
	want := []string{name(codepixtest.Payment(4)), name(codepixtest.Payment(3)), name(codepixtest.Payment(2)), name(codepixtest.Payment(1)), name(codepixtest.Payment(0))}
	for _, as := range []string{"001/bank", "002/bank", "-/operator"} {
		require.Equal(t, want, list(as, &codepixv1.ListPaymentsRequest{PageSize: 2}))
		require.Len(t, list(as, &codepixv1.ListPaymentsRequest{OpenOnly: true}), 4)
	}
	require.Equal(t, want, list("-/operator", &codepixv1.ListPaymentsRequest{BankCode: "002"}))
	require.Empty(t, list("-/operator", &codepixv1.ListPaymentsRequest{BankCode: "003"}))
	require.Empty(t, list("003/bank", &codepixv1.ListPaymentsRequest{}))
	first, err := h.as(t, "001/bank").ListPayments(t.Context(), &codepixv1.ListPaymentsRequest{PageSize: 2})
	require.NoError(t, err)
	for rule, tt := range map[string]struct {
		as      string
		request *codepixv1.ListPaymentsRequest
		want    codes.Code
	}{
		"another bank's list":    {"001/bank", &codepixv1.ListPaymentsRequest{BankCode: "002"}, codes.NotFound},
		"a program of no bank":   {"002/checkout", &codepixv1.ListPaymentsRequest{}, codes.NotFound},
		"a bank that is none":    {"-/operator", &codepixv1.ListPaymentsRequest{BankCode: "2"}, codes.InvalidArgument},
		"a size below zero":      {"001/bank", &codepixv1.ListPaymentsRequest{PageSize: -1}, codes.InvalidArgument},
		"a token of another one": {"002/bank", &codepixv1.ListPaymentsRequest{PageToken: first.GetNextPageToken()}, codes.InvalidArgument},
		"a token of nobody":      {"001/bank", &codepixv1.ListPaymentsRequest{PageToken: "AQ"}, codes.InvalidArgument},
	} {
		_, err := h.as(t, tt.as).ListPayments(t.Context(), tt.request)
		require.Equal(t, tt.want, status.Code(err), "%s: %v", rule, err)
	}
}

func TestEveryMethodIsForThoseOnly(t *testing.T) {
	h := start(t)
	first := codepixtest.Payment(1)
	h.apply(t, codepixtest.SenderBank, first)
	row := func(method, cells string, message proto.Message) wallstest.Row {
		return wallstest.Row{Method: method, Cells: cells, Request: func(wallstest.Caller) proto.Message { return message }}
	}
	// owner, other customer, service, service not listed, operator, nobody, and the owner with tokens that are wrong: the
	// hub takes none.
	const cells = "401 401 200 404 200 401 401 401 401 401 401 401 401"
	matrix := wallstest.Matrix{
		Kit: h.kit, GRPC: h.address, HTTP: h.http, Service: "bank", Unlisted: "checkout", Operator: "-/operator",
		Tokens: map[wallstest.Caller]string{wallstest.EndedSession: "none"},
		Rows: []wallstest.Row{
			row(codepixv1.PaymentService_GetPayment_FullMethodName, cells, &codepixv1.GetPaymentRequest{Name: name(first)}),
			row(codepixv1.PaymentService_ListPayments_FullMethodName, cells, &codepixv1.ListPaymentsRequest{}),
		},
	}
	matrix.Run(t, codepixv1.PaymentService_ServiceDesc)
}

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal that blames the caller or tells of
// nothing found: never INTERNAL.
func FuzzRequest(f *testing.F) {
	h := start(f)
	h.apply(f, codepixtest.SenderBank, codepixtest.Payment(1), codepixtest.Payment(2))
	conn := h.kit.Dial(f, h.address, "001/bank")
	methods := rpctest.Unary([]grpc.ServiceDesc{codepixv1.PaymentService_ServiceDesc}...)
	methods.Seed(f,
		&codepixv1.GetPaymentRequest{Name: name(codepixtest.Payment(1))},
		&codepixv1.ListPaymentsRequest{BankCode: "001", OpenOnly: true, PageSize: 1, PageToken: "AQ"},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, conn, method, body) })
}
