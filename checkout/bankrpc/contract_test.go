package bankrpc_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/card"
	bankinmem "codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// The bank itself, with its ledger in memory, holds to the port as well as the fake.
func TestTheRealBankHoldsToThePort(t *testing.T) {
	checkouttest.TestAcquirer(t, func(t testing.TB) checkouttest.AcquirerFixture {
		conn := realBank(t)
		return checkouttest.AcquirerFixture{
			Acquirer:  bankrpc.New(conn),
			Good:      issue(t, conn, 1_000_000),
			Declining: issue(t, conn, 100),
		}
	})
}

func TestAnUnknownCardIsDeclinedByTheRealBank(t *testing.T) {
	acquirer := bankrpc.New(realBank(t))
	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
	require.NoError(t, err)
	order.Charge.Token = token.Token
	decision, err := acquirer.Authorize(t.Context(), order.Authorization())
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeDeclined, decision.Outcome)
	require.Equal(t, "UNKNOWN_CARD", decision.Decline.Reason)
	require.Equal(t, "14", decision.Decline.Code)
}

// eventNames stands in for the events, which nobody reads here.
type eventNames struct{}

func (eventNames) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

func realBank(t testing.TB) *grpc.ClientConn {
	t.Helper()
	store := bankinmem.New(time.Now)
	keys, err := vault.Generate()
	require.NoError(t, err)
	executor := ledger.New(ledger.Config{Store: store, Encoder: eventNames{}, Now: time.Now})
	server, err := serve.Listen(serve.Config{
		Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	bankv1.RegisterCardServiceServer(server, &rpc.Cards{Service: &card.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Tokens: store, Vault: keys, Random: rand.Reader, Now: time.Now,
	}})
	bankv1.RegisterPurchaseServiceServer(server, &rpc.Purchases{Service: &purchase.Service{
		Code: "001", Ledger: executor, Directory: store, Reader: store, Vault: keys,
	}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	conn, err := serve.Dial(server.GRPCAddress(), serve.WithCaller("checkout"))
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, executor.Close(context.Background()))
	})
	return conn
}

// issue has the bank issue a card with a credit limit, in centavos.
func issue(t testing.TB, conn *grpc.ClientConn, limit int64) pan.CardData {
	t.Helper()
	issued, err := bankv1.NewCardServiceClient(conn).IssueCard(t.Context(), &bankv1.IssueCardRequest{
		RequestId: checkouttest.NewID(t).String(), HolderName: "Maria da Silva", Currency: "BRL", CreditLimitMinor: limit,
	})
	require.NoError(t, err)
	data := issued.GetCardData()
	read, err := checkouttest.ReadCard(data)
	require.NoError(t, err)
	return read
}
