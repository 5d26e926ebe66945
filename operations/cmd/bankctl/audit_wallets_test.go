package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// branch is a bank's counter: an operator who opens wallets and moves money for customers.
type branch struct {
	*town
	wallets   bankv1.WalletServiceClient
	purchases bankv1.PurchaseServiceClient
	customer  pipelinetest.Customer
	requests  int
}

func newBranch(t *testing.T) *branch {
	w := newTown(t, "--event-version=3")
	connection, err := serve.Dial(w.bank.Address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return &branch{town: w, wallets: bankv1.NewWalletServiceClient(connection), purchases: bankv1.NewPurchaseServiceClient(connection)}
}

func (b *branch) request() string {
	b.requests++
	return "counter-" + strings.Repeat("i", b.requests)
}

// open opens a wallet with a deposit.
func (b *branch) open(minor int64) string {
	answer, err := b.wallets.OpenAccount(b.t.Context(), &bankv1.OpenAccountRequest{RequestId: b.request(), Currency: "BRL", OpeningDepositMinor: minor})
	require.NoError(b.t, err)
	return answer.GetAccount().GetName()
}

func (b *branch) transfer(source, destination string, minor int64) *bankv1.Transaction {
	answer, err := b.wallets.Transfer(b.t.Context(), &bankv1.TransferRequest{
		RequestId: b.request(), Source: source, Destination: destination, AmountMinor: minor, Currency: "BRL", Message: "aluguel",
	})
	require.NoError(b.t, err)
	return answer.GetTransaction()
}

// hold sets an amount aside by card.
func (b *branch) hold(customer pipelinetest.Customer, minor int64) *bankv1.Purchase {
	answer, err := b.purchases.AuthorizePurchase(b.t.Context(), &bankv1.AuthorizePurchaseRequest{
		RequestId: b.request(), AmountMinor: minor, Currency: "BRL", CaptureLater: true, MerchantReference: "booking-7", Channel: bankv1.Channel_CHANNEL_ECOMMERCE,
		Merchant:   &bankv1.Merchant{Id: "pousada", Name: "Pousada da Praia", CategoryCode: "7011", City: "Paraty", Country: "BR"},
		CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: customer.Card.GetName()},
	})
	require.NoError(b.t, err)
	require.Equal(b.t, bankv1.PurchaseStatus_PURCHASE_STATUS_AUTHORIZED, answer.GetPurchase().GetStatus())
	return answer.GetPurchase()
}

func (b *branch) capture(hold *bankv1.Purchase, minor int64) {
	_, err := b.purchases.CapturePurchase(b.t.Context(), &bankv1.CapturePurchaseRequest{RequestId: b.request(), Name: hold.GetName(), AmountMinor: minor})
	require.NoError(b.t, err)
}

func (b *branch) void(hold *bankv1.Purchase) {
	_, err := b.purchases.VoidPurchase(b.t.Context(), &bankv1.VoidPurchaseRequest{RequestId: hold.GetRequestId()})
	require.NoError(b.t, err)
}

// day has every kind of transaction of wallets, and every end of a hold but its expiry.
func (b *branch) day() {
	ctx := b.t.Context()
	payer, recipient := b.open(100_00), b.open(0)
	transfer := b.transfer(payer, recipient, 30_00)
	require.Equal(b.t, bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED, b.transfer(payer, recipient, 900_00).GetStatus())
	_, err := b.wallets.Reverse(ctx, &bankv1.ReverseRequest{RequestId: b.request(), Name: transfer.GetName(), AmountMinor: 10_00})
	require.NoError(b.t, err)
	_, err = b.wallets.Withdraw(ctx, &bankv1.WithdrawRequest{RequestId: b.request(), Account: recipient, AmountMinor: 1_00, Currency: "BRL"})
	require.NoError(b.t, err)
	_, err = b.wallets.Deposit(ctx, &bankv1.DepositRequest{RequestId: b.request(), Account: recipient, AmountMinor: 2_00, Currency: "BRL"})
	require.NoError(b.t, err)

	b.customer = b.bank.Issue(b.t)
	hold := b.hold(b.customer, 20_00)
	b.capture(hold, 15_00)
	_, err = b.purchases.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{RequestId: b.request(), Name: hold.GetName(), AmountMinor: 4_00})
	require.NoError(b.t, err)
	b.void(b.hold(b.customer, 6_00))
	given := b.hold(b.customer, 8_00)
	b.capture(given, 0)
	b.void(given)
	b.hold(b.customer, 3_00)
}

// kinds counts the events of the ledger by kind.
func (b *branch) kinds() map[event.Kind]int {
	counted := map[event.Kind]int{}
	for e, err := range postgres.NewJournal(b.store, kafka.Converter("001")).Entries(b.t.Context(), postgres.Position{}) {
		require.NoError(b.t, err)
		counted[e.Kind]++
	}
	return counted
}

func TestAuditOfWallets(t *testing.T) {
	b := newBranch(t)
	b.day()
	require.Equal(t, map[event.Kind]int{
		event.KindOpening: 3, event.KindDeposit: 2, event.KindWithdrawal: 1, event.KindTransfer: 3,
		event.KindReversal: 3, event.KindHold: 4, event.KindCapture: 2, event.KindVoid: 3,
	}, b.kinds())
	require.Contains(t, b.audit(exitOK), "audit: equal\n")
	b.deliver()
	text := b.audit(exitOK)
	require.Contains(t, text, "audit: equal\n")
	require.Regexp(t, `BRL debits +64.00 +0.00 +64.00 +64.00 +64.00\n`, text)
}

// altered is a field of an event of version 3 that somebody changes, and what the audit says then.
type altered struct {
	field     string
	of        event.Kind
	ledger    string // the new value in the ledger's column; empty if it has no column of its own
	elsewhere event.Value
}

func TestAuditNamesASingleChangedFieldOfAWallet(t *testing.T) {
	b := newBranch(t)
	b.day()
	b.deliver()
	b.hold(b.customer, 9_00)
	events := map[event.Kind]event.Transaction{}
	for e, err := range postgres.NewJournal(b.store, kafka.Converter("001")).Entries(t.Context(), postgres.Position{}) {
		require.NoError(t, err)
		if _, delivered := b.documents.byID[e.EventID]; delivered {
			events[e.Kind] = e
		}
	}
	require.Contains(t, b.audit(exitOK), "audit: equal\n")
	another := "11111111-2222-4333-8444-555555555555"
	cases := []altered{
		{"counterparty_account_id", event.KindTransfer, "'" + another + "'", event.TextValue(another)},
		// The ledger's own constraints refuse these two there.
		{"hold_id", event.KindHold, "", event.TextValue(another)},
		{"hold_id", event.KindCapture, "", event.TextValue(another)},
		{"hold_expires_at", event.KindHold, "hold_expires_at + interval '1 second'", event.IntegerValue(events[event.KindHold].HoldExpiresAtMillis.Value + 1000)},
		{"original_transaction_id", event.KindVoid, "", event.TextValue(another)},
		{"merchant_reference", event.KindCapture, "'booking-8'", event.TextValue("booking-8")},
		{"account_kind", event.KindDeposit, "", event.TextValue("CARD")},
	}
	for _, c := range cases {
		e := events[c.of]
		named := func(place string) {
			t.Helper()
			text := b.audit(exitFailed)
			require.Contains(t, text, "altered in the "+place+": "+e.EventID+"\n    "+c.field+": ", c.field)
			require.Contains(t, text, "audit: DIFFERENT (1 finding)\n")
		}
		if c.ledger != "" {
			where := " WHERE account_id = $1 AND sequence = $2"
			exec(t, b.ledger, "CREATE TABLE before AS SELECT "+c.field+" FROM entries"+where, e.AccountID, e.Sequence.Value)
			exec(t, b.ledger, "UPDATE entries SET "+c.field+" = "+c.ledger+where, e.AccountID, e.Sequence.Value)
			named("ledger")
			exec(t, b.ledger, "UPDATE entries SET "+c.field+" = (SELECT "+c.field+" FROM before)"+where, e.AccountID, e.Sequence.Value)
			_, err := b.ledger.Exec(t.Context(), "DROP TABLE before")
			require.NoError(t, err)
		}
		changed := e
		require.NoError(t, changed.Set(c.field, c.elsewhere))
		b.replace(changed, true, false)
		named("statement")
		b.replace(e, true, false)
		b.replace(changed, false, true)
		named("index")
		b.replace(e, false, true)
	}
	require.Contains(t, b.audit(exitOK), "audit: equal\n")

	waiting := outboxEvents(t, b.store)
	hold := waiting[len(waiting)-1]
	altered := []byte(strings.Replace(string(hold.Body), "booking-7", "booking-8", 1))
	exec(t, b.ledger, "UPDATE outbox SET body = $1 WHERE id = (SELECT max(id) FROM outbox)", altered)
	require.Contains(t, b.audit(exitFailed), "    merchant_reference: ledger \"booking-7\", outbox \"booking-8\"\n")
	exec(t, b.ledger, "UPDATE outbox SET body = $1 WHERE id = (SELECT max(id) FROM outbox)", hold.Body)

	// This comes last, because an altered repeat stays on the topic.
	e := events[event.KindTransfer]
	e.CounterpartyAccountID = another
	body, err := event.AppendTransaction(nil, event.NewestVersion, &e)
	require.NoError(t, err)
	b.produce(e.Key(), body)
	require.Contains(t, b.audit(exitFailed), "altered in the topic: "+e.EventID+"\n    counterparty_account_id: ")
}

// replace writes an event again into statement or index, as it is not allowed to be.
func (b *branch) replace(e event.Transaction, statement, index bool) {
	document := b.documents.byID[e.EventID]
	if statement {
		exec(b.t, b.statement, "DELETE FROM statement_lines WHERE event_id = $1", e.EventID)
	}
	b.sink(e, statement)
	if !index {
		b.documents.put(e.EventID, document)
	}
}
