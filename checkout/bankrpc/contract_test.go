package bankrpc_test

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// The bank's own program, on its own database, holds to the port as well as the fake.
func TestTheRealBankHoldsToThePort(t *testing.T) {
	conn := startBank(t)
	checkouttest.TestAcquirer(t, func(t testing.TB) checkouttest.AcquirerFixture {
		return checkouttest.AcquirerFixture{
			Acquirer:  newAcquirer(t, conn),
			Good:      issue(t, conn, 1_000_000),
			Declining: issue(t, conn, 100),
		}
	})
}

func TestAnUnknownCardIsDeclinedByTheRealBank(t *testing.T) {
	acquirer := newAcquirer(t, startBank(t))
	order := checkouttest.Order(t, "shop", "r1", checkouttest.Start())
	token, err := acquirer.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
	require.NoError(t, err)
	order.PendingCharge.Token = token.Token
	decision, err := acquirer.Authorize(t.Context(), order.Authorization())
	require.NoError(t, err)
	require.Equal(t, checkout.OutcomeDeclined, decision.Outcome)
	require.Equal(t, "UNKNOWN_CARD", decision.Decline.Reason)
	require.Equal(t, "14", decision.Decline.Code)
}

func newAcquirer(t testing.TB, conn *grpc.ClientConn) *bankrpc.Acquirer {
	acquirer := bankrpc.New(conn)
	t.Cleanup(acquirer.Close)
	return acquirer
}

// startBank starts the bank's program, which publishes nothing, and waits until it serves.
func startBank(t *testing.T) *grpc.ClientConn {
	t.Helper()
	bank := programtest.StartPackage(t, "codebank.dev/bank/cmd/bank",
		[]string{"BANK_DATABASE_URL=" + postgrestest.Database(t)},
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--vault-key-file="+keyFile(t), "--relay=false", "--migrate")
	addresses, ready := bank.AwaitReady(t)
	require.True(t, ready, bank.Log())
	conn, err := serve.Dial(addresses.GRPC, serve.WithCaller("checkout"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// keyFile writes a file with the keys of a bank's vault, as bankctl keys new does.
func keyFile(t *testing.T) string {
	t.Helper()
	key := func() []byte {
		random := make([]byte, 32)
		_, _ = rand.Read(random)
		return random
	}
	content, err := json.Marshal(map[string]any{
		"version": 1, "primary": "first", "seal": []map[string]any{{"id": "first", "key": key()}},
		"lookup": key(), "fingerprint": key(), "cvv": key(),
	})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "vault.key")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
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
