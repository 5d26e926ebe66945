// Package pipelinetest gives tests parts of the real pipeline: the bank's own program, and
// the tables of the statement. With it, tests use the ledger, the outbox and the statement
// of the real services without importing the services.
package pipelinetest

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statement "codebank.dev/statement/postgres"
)

// Statement migrates the statement of bank 001 in the database at url, whose user must be a
// superuser, and returns the address for one of its roles.
func Statement(t testing.TB, url, role string) string {
	t.Helper()
	require.NoError(t, statement.Migrate(t.Context(), statement.Config{URL: url, BankCode: "001"}))
	return databasetest.As(t, url, role)
}

// Ledger migrates the ledger of bank 001 in the database at url, whose user must be a superuser, and
// returns the address for one of its roles.
func Ledger(t testing.TB, url, role string) string {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}, "001"))
	return databasetest.As(t, url, role)
}

// Bank is a running bank with the code 001. Unless StartBankWith made it, it publishes
// nothing, so its events wait in the outbox.
type Bank struct {
	*programtest.Program
	// Address is the address of its gRPC.
	Address   string
	cards     bankv1.CardServiceClient
	purchases bankv1.PurchaseServiceClient
	requests  atomic.Int64
}

// Customer is a customer's card as the bank issued it.
type Customer struct {
	Card *bankv1.Card
	Data *bankv1.CardData
}

// AccountID returns the id of the customer's account.
func (c Customer) AccountID() string { return strings.TrimPrefix(c.Card.GetAccount(), "accounts/") }

// StartBank migrates the ledger at url, whose user must be a superuser, starts the bank's program
// on it as the bank's role, with further flags, and waits until it serves, in plain text. It takes
// everybody for an operator, or for who loads its history. The program ends with the test.
func StartBank(t testing.TB, url string, flags ...string) *Bank {
	t.Helper()
	url = Ledger(t, url, postgres.ServiceRole)
	return StartBankWith(t, []string{"BANK_DATABASE_URL=" + url, "BANK_RELAY=false"}, flags...)
}

// StartBankWith starts the bank's program with all settings from the environment and flags. The
// ledger is migrated already. The bank publishes its events.
func StartBankWith(t testing.TB, environ []string, flags ...string) *Bank {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "vault.json")
	require.NoError(t, vault.NewKeyFile(keys, nil))
	everybody := []string{"--insecure=shop", "--operators=shop"}
	if slices.Contains(flags, "--history") {
		everybody = []string{"--insecure=history"}
	}
	b := &Bank{Program: programtest.StartPackage(t, "codebank.dev/bank/cmd/bank", environ, slices.Concat(flags, everybody, []string{
		"--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--vault-key-file=" + keys})...)}
	addresses, ready := b.AwaitReady(t)
	require.True(t, ready, b.Log())
	b.Address = addresses.GRPC
	connection, err := serve.Dial(b.Address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	b.cards, b.purchases = bankv1.NewCardServiceClient(connection), bankv1.NewPurchaseServiceClient(connection)
	return b
}

// Issue issues a card with an account of its own.
func (b *Bank) Issue(t testing.TB) Customer {
	t.Helper()
	issued, err := b.cards.IssueCard(t.Context(), &bankv1.IssueCardRequest{
		RequestId: b.requestID(), HolderName: "MARIA SILVA", Brand: bankv1.CardBrand_CARD_BRAND_VISA, Currency: "BRL", CreditLimitMinor: 100_000_000,
	})
	require.NoError(t, err)
	return Customer{Card: issued.GetCard(), Data: issued.GetCardData()}
}

// Buy makes a purchase of an amount in minor units, which the bank approves.
func (b *Bank) Buy(t testing.TB, customer Customer, amount int64) {
	t.Helper()
	answer, err := b.purchases.AuthorizePurchase(t.Context(), b.purchase(customer, amount))
	require.NoError(t, err)
	require.Equal(t, bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED, answer.GetPurchase().GetStatus())
}

// BuyMany makes many purchases of 1 minor unit each. The bank may decline some.
func (b *Bank) BuyMany(t testing.TB, customer Customer, purchases int) {
	t.Helper()
	stream, err := b.purchases.AuthorizePurchases(t.Context())
	require.NoError(t, err)
	for purchases > 0 {
		message := &bankv1.AuthorizePurchasesRequest{}
		for ; purchases > 0 && len(message.Purchases) < 256; purchases-- {
			message.Purchases = append(message.Purchases, b.purchase(customer, 1))
		}
		require.NoError(t, stream.Send(message))
		answer, err := stream.Recv()
		require.NoError(t, err)
		for _, result := range answer.GetResults() {
			require.NotNil(t, result.GetPurchase(), result.GetError())
		}
	}
}

// Refuse tries a purchase with a number that no card has. The result is a decline without
// an account.
func (b *Bank) Refuse(t testing.TB) {
	t.Helper()
	request := b.purchase(Customer{}, 500)
	request.CardSource = &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
		Number: "5555555555554444", HolderName: "NOBODY", Cvv: "123", ExpiryMonth: 12, ExpiryYear: 2040,
	}}
	answer, err := b.purchases.AuthorizePurchase(t.Context(), request)
	require.NoError(t, err)
	require.Equal(t, bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD, answer.GetPurchase().GetDecline().GetReason())
}

func (b *Bank) purchase(customer Customer, amount int64) *bankv1.AuthorizePurchaseRequest {
	return &bankv1.AuthorizePurchaseRequest{
		RequestId: b.requestID(), AmountMinor: amount, Currency: "BRL", Description: "pão", Channel: bankv1.Channel_CHANNEL_ECOMMERCE, Attempt: 1,
		Merchant:   &bankv1.Merchant{Id: "padaria", Name: "Padaria do Bairro", CategoryCode: "5462", City: "São Paulo", Country: "BR"},
		CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: customer.Card.GetName()},
	}
}

func (b *Bank) requestID() string { return "request-" + strconv.FormatInt(b.requests.Add(1), 10) }
