package checkouttest

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"codebank.dev/platform/pan"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
)

// Bank is the bank's own program on a database of its own, which publishes nothing.
type Bank struct {
	// Kit has the authority of the bank and of its callers.
	Kit *wallstest.Kit

	databaseURL, keyFile string
	program              *programtest.Program
	address              string
}

// NewBank returns a bank that has not started yet. The database must be empty.
func NewBank(t testing.TB, databaseURL string) *Bank {
	t.Helper()
	return &Bank{Kit: wallstest.New(t), databaseURL: databaseURL, keyFile: keyFile(t)}
}

// Start starts the program behind walls and waits until it is ready.
func (b *Bank) Start(t testing.TB) {
	t.Helper()
	b.start(t, b.Kit.Flags(t, "bank")...)
	b.program.Client = b.Kit.HTTP(t, "")
	b.awaitReady(t)
}

// StartPlain is Start for a bank that knows no certificates. Everybody is the program caller to it.
func (b *Bank) StartPlain(t testing.TB, caller string) {
	t.Helper()
	b.start(t, "--insecure="+caller)
	b.awaitReady(t)
}

func (b *Bank) start(t testing.TB, flags ...string) {
	t.Helper()
	b.program = programtest.StartPackage(t, "codebank.dev/bank/cmd/bank", []string{"BANK_DATABASE_URL=" + b.databaseURL},
		append([]string{"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--vault-key-file=" + b.keyFile, "--relay=false", "--migrate"}, flags...)...)
}

func (b *Bank) awaitReady(t testing.TB) {
	t.Helper()
	addresses, ready := b.program.AwaitReady(t)
	require.True(t, ready, b.program.Log())
	b.address = addresses.GRPC
}

// Stop ends the program.
func (b *Bank) Stop(t testing.TB) {
	t.Helper()
	b.program.Interrupt(t)
}

// Address is where the bank listens.
func (b *Bank) Address() string { return b.address }

// Dial returns a connection with the certificate of a program.
func (b *Bank) Dial(t testing.TB, program string) *grpc.ClientConn {
	t.Helper()
	return b.Kit.Dial(t, b.address, program)
}

// DialPlain returns a connection to a bank that knows no certificates.
func (b *Bank) DialPlain(t testing.TB) *grpc.ClientConn {
	t.Helper()
	conn, err := serve.Dial(b.address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Issue has an operator issue a card with a credit limit, in centavos. It returns the card's data and its
// account.
func (b *Bank) Issue(t testing.TB, limit int64) (card pan.CardData, account string) {
	t.Helper()
	issued, err := bankv1.NewCardServiceClient(b.Dial(t, "operator")).IssueCard(t.Context(), &bankv1.IssueCardRequest{
		RequestId: NewID(t).String(), HolderName: "Maria da Silva", Currency: "BRL", CreditLimitMinor: limit,
	})
	require.NoError(t, err)
	card, err = ReadCard(issued.GetCardData())
	require.NoError(t, err)
	return card, issued.GetCard().GetAccount()
}

// Wallet opens a wallet in reais.
func (b *Bank) Wallet(t testing.TB) (account string) {
	t.Helper()
	opened, err := bankv1.NewWalletServiceClient(b.Dial(t, "operator")).OpenAccount(t.Context(), &bankv1.OpenAccountRequest{
		RequestId: NewID(t).String(), Currency: "BRL",
	})
	require.NoError(t, err)
	return opened.GetAccount().GetName()
}

// Close closes an account.
func (b *Bank) Close(t testing.TB, account string) {
	t.Helper()
	_, err := bankv1.NewWalletServiceClient(b.Dial(t, "operator")).CloseAccount(t.Context(), &bankv1.CloseAccountRequest{
		RequestId: NewID(t).String(), Name: account,
	})
	require.NoError(t, err)
}

// Available returns what an account may still spend, in centavos.
func (b *Bank) Available(t testing.TB, account string) int64 {
	t.Helper()
	found, err := bankv1.NewCardServiceClient(b.Dial(t, "operator")).GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: account})
	require.NoError(t, err)
	return found.GetAccount().GetAvailableMinor()
}

// keyFile writes a file with the keys of a bank's vault, as bankctl keys new does.
func keyFile(t testing.TB) string {
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
