package sender_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"codebank.dev/operations/synthetic"
	"codebank.dev/operations/synthetic/sender"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// fakeBank answers as the bank's contract says, and decides purchases as result does.
type fakeBank struct {
	bankv1.UnimplementedCardServiceServer
	bankv1.UnimplementedPurchaseServiceServer
	result func(*bankv1.AuthorizePurchaseRequest) *bankv1.AuthorizePurchaseResult
}

func (f *fakeBank) IssueCard(_ context.Context, r *bankv1.IssueCardRequest) (*bankv1.IssueCardResponse, error) {
	return &bankv1.IssueCardResponse{Card: &bankv1.Card{Name: "cards/" + r.GetRequestId()}, CardData: &bankv1.CardData{Cvv: "123"}}, nil
}

func (f *fakeBank) BlockCard(context.Context, *bankv1.BlockCardRequest) (*bankv1.BlockCardResponse, error) {
	return &bankv1.BlockCardResponse{}, nil
}

func (f *fakeBank) AuthorizePurchases(stream bankv1.PurchaseService_AuthorizePurchasesServer) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return nil
		}
		answer := &bankv1.AuthorizePurchasesResponse{}
		for _, request := range message.GetPurchases() {
			if result := f.result(request); result != nil {
				answer.Results = append(answer.Results, result)
			}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
}

// send sends a small load to a fake bank.
func send(t *testing.T, bank *fakeBank) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	bankv1.RegisterCardServiceServer(server, bank)
	bankv1.RegisterPurchaseServiceServer(server, bank)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	load, err := synthetic.New(synthetic.Options{Seed: 1, Days: 2, Purchases: 1000, End: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	to, err := sender.Dial(listener.Addr().String(), nil)
	require.NoError(t, err)
	defer to.Close()
	_, err = to.Send(t.Context(), load, sender.Options{Shares: 2, Patience: 300 * time.Millisecond, Progress: func(sender.Progress) {}})
	return err
}

func failed(code codes.Code) *bankv1.AuthorizePurchaseResult {
	return &bankv1.AuthorizePurchaseResult{Result: &bankv1.AuthorizePurchaseResult_Error{Error: &rpcstatus.Status{Code: int32(code)}}}
}

func TestAnErrorThatAnotherTryCannotCureEndsTheSending(t *testing.T) {
	for _, tt := range []struct {
		rule   string
		result *bankv1.AuthorizePurchaseResult
		says   string
	}{
		{"an outcome that stays unknown", failed(codes.Unavailable), "the bank has answered nothing for 300ms"},
		{"a request that the bank refuses", failed(codes.InvalidArgument), "purchase"},
		{"an answer without a result for each purchase", nil, "the bank has answered 0 purchases of"},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			bank := &fakeBank{result: func(*bankv1.AuthorizePurchaseRequest) *bankv1.AuthorizePurchaseResult { return tt.result }}
			require.ErrorContains(t, send(t, bank), tt.says)
		})
	}
}
