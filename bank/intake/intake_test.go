package intake_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/intake"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

type plainEncoder struct{}

func (plainEncoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	return entry.AppendEventID(dst), 1, nil
}

// edge lets everybody in but whom it forbids. The customer of a user has his id. It may not know now
// whose customers are whose.
type edge struct {
	forbidden bool
	// away are the kinds of command for which it does not know.
	away []string
}

func (e *edge) Namespace(producer string) string { return "ns-" + producer }

func (e *edge) Enter(ctx context.Context, asked intake.Asked) (context.Context, bank.Subject, error) {
	subject := bank.Subject{Kind: principal.Service, Name: asked.Producer}
	if !asked.User.IsZero() {
		subject = bank.Subject{Kind: principal.User, Name: asked.User.String(), Customers: []bank.ID{asked.User}}
	}
	if slices.Contains(e.away, asked.Kind) {
		return ctx, subject, fault.New(fault.Unavailable, "AWAY", "Away.")
	}
	if e.forbidden {
		return ctx, subject, fault.New(fault.PermissionDenied, "NOT_ALLOWED", "No.")
	}
	return ctx, subject, nil
}

// published keeps results, without the time of their publication. It may fail.
type published struct {
	mutex   sync.Mutex
	results []command.Result
	err     error
}

func (p *published) PublishResults(_ context.Context, answers []command.Answer) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.err != nil {
		return p.err
	}
	for _, answer := range answers {
		p.results = append(p.results, answer.Result)
	}
	return nil
}

// store is a ledger in memory that may be away for outcomes.
type store struct {
	*inmem.Store
	away bool
}

func (s *store) StoreOutcome(ctx context.Context, outcome bank.CommandOutcome) (bank.CommandOutcome, error) {
	if s.away {
		return bank.CommandOutcome{}, fault.New(fault.Unavailable, "AWAY", "Away.")
	}
	return s.Store.StoreOutcome(ctx, outcome)
}

// bench is a bank with its intake.
type bench struct {
	*testing.T
	*intake.Service
	edge    *edge
	results *published
	store   *store
	clock   *banktest.Clock
	keys    *command.Keys
	// user owns mine; yours is somebody else's.
	user        bank.ID
	mine, yours bank.ID
	offset      int64
	last        *kgo.Record
}

const gateway = "gateway"

func newBench(t *testing.T) *bench {
	t.Helper()
	clock := banktest.NewClock()
	b := &bench{T: t, edge: &edge{}, results: &published{}, store: &store{Store: inmem.New(clock.Now)}, clock: clock, user: banktest.NewID()}
	vaultKeys, err := vault.Generate()
	require.NoError(t, err)
	executor := ledger.New(ledger.Config{Store: b.store, Encoder: plainEncoder{}, Now: clock.Now, ProducerVersion: "test"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	directory := ledger.NewCachedDirectory(b.store)
	holds := &hold.Service{Code: "001", Ledger: executor, Directory: directory, Holds: b.store, Vault: vaultKeys, SimulatedCash: true}
	content := []byte(`{"keys":[]}`)
	for _, producer := range []string{gateway, "payroll"} {
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = keys.With(producer+"-1", producer, producer == gateway)
		require.NoError(t, err)
	}
	b.keys, err = command.ParseKeys(content)
	require.NoError(t, err)
	b.Service = &intake.Service{
		Code: "001", Holds: holds, Accounts: b.store, Store: b.store, Edge: b.edge, Results: b.results, Now: clock.Now,
		Keys: func() *command.Keys { return b.keys },
		Wallets: &wallet.Service{
			Code: "001", Ledger: executor, Directory: directory, Reader: b.store, Accounts: b.store, Vault: vaultKeys, Holds: holds, SimulatedCash: true,
		},
	}
	b.mine, b.yours = b.open(b.user), b.open(banktest.NewID())
	return b
}

func (b *bench) open(customer bank.ID) bank.ID {
	b.Helper()
	opened, err := b.Wallets.Open(b.Context(), wallet.OpenRequest{
		Call:       wallet.Call{Caller: "cashier", RequestID: banktest.NewID().String(), Subject: bank.Subject{Kind: principal.Operator}},
		CustomerID: customer.String(), Currency: "BRL", DepositMinor: 1_000,
	})
	require.NoError(b, err)
	return opened.Account.ID
}

func (b *bench) balance(account bank.ID) int64 {
	b.Helper()
	read, err := b.store.Account(b.Context(), account)
	require.NoError(b, err)
	return read.Balance
}

// asked is a command of the user, on his account.
func (b *bench) asked(requestID, kind string) command.Command {
	return command.Command{
		BankCode: "001", RequestID: requestID, Kind: kind, PrincipalKind: command.User, PrincipalID: b.user.String(),
		AccountID: b.mine.String(), AmountMinor: 100, Currency: "BRL", AcceptedAtMillis: 1,
	}
}

func (b *bench) transfer(requestID string) command.Command {
	asked := b.asked(requestID, command.Transfer)
	asked.DestinationAccountID = b.yours.String()
	return asked
}

// record returns the signed record of a command.
func (b *bench) record(producer string, asked command.Command) *kgo.Record {
	b.Helper()
	body, err := command.Encode(&asked)
	require.NoError(b, err)
	signer, key := b.keys.Signer(producer), []byte(asked.AccountID)
	b.offset++
	return &kgo.Record{Topic: intake.Topic("001"), Offset: b.offset, Key: key, Value: append(event.AppendFrame(nil, 9), body...), Headers: []kgo.RecordHeader{
		{Key: command.HeaderKey, Value: []byte(signer.ID)},
		{Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: intake.Topic("001"), Key: key, Body: body}))},
	}}
}

// ask has a command of the gateway dealt with and returns its result.
func (b *bench) ask(asked command.Command) command.Result {
	b.Helper()
	b.last = b.record(gateway, asked)
	return b.again()
}

// again has the last record dealt with once more.
func (b *bench) again() command.Result {
	b.Helper()
	before := len(b.results.results)
	letters, err := b.Handle(b.Context(), []*kgo.Record{b.last})
	require.NoError(b, err)
	require.Empty(b, letters)
	require.Len(b, b.results.results, before+1)
	return b.results.results[before]
}

// requireEnd has a command dealt with, twice and after a day, and requires its end.
func (b *bench) requireEnd(asked command.Command, status, reason, field string) command.Result {
	b.Helper()
	result := b.ask(asked)
	require.Equal(b, []string{status, reason, field}, []string{result.Status, result.Reason, result.Field})
	b.clock.Advance(24 * time.Hour)
	require.Equal(b, result, b.again(), "sent again, it has the same result")
	return result
}

func TestEachKindIsTheCallOfTheSameName(t *testing.T) {
	b := newBench(t)
	b.requireEnd(b.asked("in", command.Deposit), command.Completed, "", "")
	b.requireEnd(b.asked("out", command.Withdrawal), command.Completed, "", "")
	bought := b.asked("bought", command.Purchase)
	bought.MerchantID, bought.MerchantName, bought.MerchantCategoryCode = "padaria", "Padaria São João", "5462"
	purchase := b.requireEnd(bought, command.Completed, "", "")
	sent := b.requireEnd(b.transfer("sent"), command.Completed, "", "")
	require.Equal(t, []int64{800, 1_100}, []int64{b.balance(b.mine), b.balance(b.yours)})
	require.Equal(t, bank.Code("001").TransactionID("ns-gateway", "sent").String(), sent.TransactionID)
	require.Equal(t, int64(6), sent.Sequence)

	back := b.asked("back-some", command.Reversal)
	back.AmountMinor, back.Currency, back.OriginalTransactionID = 40, "", purchase.TransactionID
	require.Equal(t, int64(40), b.requireEnd(back, command.Completed, "", "").AmountMinor)
	back.RequestID, back.AmountMinor = "back-rest", 0
	require.Equal(t, int64(60), b.requireEnd(back, command.Completed, "", "").AmountMinor)
	back.RequestID = "back-more"
	b.requireEnd(back, command.Cancelled, "ALREADY_REVERSED", "")
	// Who has sent a transfer does not take it back.
	back.RequestID, back.OriginalTransactionID = "back-sent", sent.TransactionID
	b.requireEnd(back, command.Cancelled, "TRANSACTION_NOT_FOUND", "")
	require.Equal(t, int64(900), b.balance(b.mine))
}

// A transfer that is given back has an entry on two accounts. The sequence is that of the account of the command, so
// nobody takes a place in the life of one account for one in the life of another.
func TestTheSequenceIsThatOfTheAccountOfTheCommand(t *testing.T) {
	b := newBench(t)
	got, err := b.Wallets.Transfer(t.Context(), wallet.TransferRequest{
		Call:   wallet.Call{Caller: "cashier", RequestID: "gift", Subject: bank.Subject{Kind: principal.Operator}},
		Source: "accounts/" + b.yours.String(), Destination: "accounts/" + b.mine.String(), AmountMinor: 100, Currency: "BRL",
	})
	require.NoError(t, err)
	b.requireEnd(b.asked("in", command.Deposit), command.Completed, "", "")
	back := b.asked("back", command.Reversal)
	back.AmountMinor, back.Currency, back.OriginalTransactionID = 0, "", got.Entry.TransactionID.String()
	given := b.requireEnd(back, command.Completed, "", "")
	mine, err := b.store.Account(t.Context(), b.mine)
	require.NoError(t, err)
	require.Equal(t, mine.Sequence, given.Sequence)

	back.RequestID, back.AccountID = "back-elsewhere", banktest.NewID().String()
	bought := b.asked("bought", command.Purchase)
	bought.MerchantID, bought.MerchantName, bought.MerchantCategoryCode = "padaria", "Padaria São João", "5462"
	back.OriginalTransactionID = b.requireEnd(bought, command.Completed, "", "").TransactionID
	require.Zero(t, b.requireEnd(back, command.Completed, "", "").Sequence, "there is no entry on that account")
}

func TestAHoldIsCancelledByItsTransaction(t *testing.T) {
	b := newBench(t)
	place := func(id string) string {
		placed, err := b.Holds.Place(t.Context(), hold.PlaceRequest{
			Caller: "ns-gateway", RequestID: id, Subject: bank.Subject{Kind: principal.User, Name: b.user.String(), Customers: []bank.ID{b.user}},
			Account: "accounts/" + b.mine.String(), AmountMinor: 300, Currency: "BRL",
		})
		require.NoError(t, err)
		return placed.TransactionID.String()
	}
	cancelling := func(id, original string) command.Command {
		asked := b.asked(id, command.Cancellation)
		asked.AmountMinor, asked.Currency, asked.OriginalTransactionID = 0, "", original
		return asked
	}
	first := place("hold")
	held, err := b.store.Account(t.Context(), b.mine)
	require.NoError(t, err)
	require.Equal(t, int64(300), held.Held)
	released := b.requireEnd(cancelling("release", first), command.Completed, "", "")
	require.Equal(t, int64(4), released.Sequence)
	held, err = b.store.Account(t.Context(), b.mine)
	require.NoError(t, err)
	require.Zero(t, held.Held)
	b.requireEnd(cancelling("release-again", first), command.Completed, "", "")

	// The request id stands for this cancellation, and for nothing else.
	second := place("second")
	b.requireEnd(cancelling("release", second), command.Cancelled, "REQUEST_ID_REUSED", "request_id")
	balance := b.balance(b.mine)
	for _, kind := range []string{command.Deposit, command.Withdrawal, command.Transfer} {
		b.requireEnd(b.asked("release", kind), command.Cancelled, "REQUEST_ID_REUSED", "request_id")
	}
	require.Equal(t, balance, b.balance(b.mine))
	again := b.requireEnd(cancelling("release", first), command.Completed, "", "")
	require.Equal(t, released.Sequence, again.Sequence)
	require.Equal(t, released.DecidedAtMillis, again.DecidedAtMillis)
	b.requireEnd(cancelling("release-second", second), command.Completed, "", "")

	// A cancellation that was refused once stays refused, also when its hold comes later.
	later := bank.Code("001").TransactionID("ns-gateway", "later").String()
	b.requireEnd(cancelling("too-early", later), command.Cancelled, "HOLD_NOT_FOUND", "")
	require.Equal(t, later, place("later"))
	require.Equal(t, "HOLD_NOT_FOUND", b.again().Reason)
	held, err = b.store.Account(t.Context(), b.mine)
	require.NoError(t, err)
	require.Equal(t, int64(300), held.Held)
	b.requireEnd(cancelling("none", "nothing"), command.Cancelled, "INVALID_FIELD", "original_transaction_id")
}

// What can never be decided ends once, with its first reason, and nothing under its request id moves money.
func TestAPermanentRefusalEndsTheRequestID(t *testing.T) {
	b := newBench(t)
	missing := b.transfer("missing")
	missing.DestinationAccountID = banktest.NewID().String()
	b.requireEnd(missing, command.Cancelled, "ACCOUNT_NOT_FOUND", "destination")
	foreign := b.transfer("foreign")
	foreign.AccountID, foreign.DestinationAccountID = b.yours.String(), b.mine.String()
	b.requireEnd(foreign, command.Cancelled, "ACCOUNT_NOT_FOUND", "source")
	self := b.transfer("self")
	self.DestinationAccountID = self.AccountID
	b.requireEnd(self, command.Cancelled, "INVALID_FIELD", "destination")
	currency := b.transfer("currency")
	currency.Currency = "USD"
	b.requireEnd(currency, command.Cancelled, "INVALID_FIELD", "currency")
	nothing := b.transfer("nothing")
	nothing.AmountMinor = 0
	b.requireEnd(nothing, command.Cancelled, "INVALID_FIELD", "amount_minor")
	much := b.transfer("much")
	much.AmountMinor = 1_001
	require.Positive(t, b.requireEnd(much, command.Cancelled, "INSUFFICIENT_FUNDS", "").Sequence)
	require.Equal(t, int64(1_000), b.balance(b.mine))

	// The right request under the id that was ended moves nothing, by whatever way it comes.
	right := b.transfer("missing")
	b.requireEnd(right, command.Cancelled, "ACCOUNT_NOT_FOUND", "destination")
	call := wallet.Call{Caller: "ns-gateway", RequestID: "missing", Subject: bank.Subject{Kind: principal.User, Customers: []bank.ID{b.user}}}
	synchronous, err := b.Wallets.Transfer(t.Context(), wallet.TransferRequest{
		Call: call, Source: "accounts/" + b.mine.String(), Destination: "accounts/" + b.yours.String(), AmountMinor: 100, Currency: "BRL",
	})
	require.NoError(t, err)
	require.Equal(t, bank.Voided, synchronous.Entry.Status)
	require.Equal(t, int64(1_000), b.balance(b.mine))
}

// A command whose request id was cancelled moves nothing, and says so.
func TestACommandBehindItsCancelIsCancelled(t *testing.T) {
	b := newBench(t)
	call := wallet.Call{Caller: "ns-gateway", RequestID: "regretted", Subject: bank.Subject{Kind: principal.User, Customers: []bank.ID{b.user}}}
	_, err := b.Wallets.Cancel(t.Context(), call)
	require.NoError(t, err)
	first := b.requireEnd(b.transfer("regretted"), command.Cancelled, "CANCELLED_BY_REQUEST", "")
	b.edge.forbidden = true
	require.Equal(t, first, b.again(), "whatever may have changed since")
	require.Equal(t, int64(1_000), b.balance(b.mine))
}

// What was decided stays what it was, also when the same command would be refused now.
func TestAnAnswerOutlivesTheRulesThatLedToIt(t *testing.T) {
	b := newBench(t)
	for _, asked := range []command.Command{b.transfer("a"), b.asked("b", command.Deposit), b.asked("c", command.Withdrawal)} {
		b.edge.forbidden = false
		first := b.ask(asked)
		require.Equal(t, command.Completed, first.Status)
		b.edge.forbidden = true
		require.Equal(t, first, b.again())
	}
	for name, change := range map[string]func(*command.Command){
		"amount":      func(c *command.Command) { c.AmountMinor++ },
		"destination": func(c *command.Command) { c.DestinationAccountID = c.AccountID },
		"currency":    func(c *command.Command) { c.Currency = "USD" },
		"description": func(c *command.Command) { c.Description = "other" },
		"kind":        func(c *command.Command) { c.Kind = command.Deposit },
	} {
		other := b.transfer("a")
		change(&other)
		require.Equal(t, "REQUEST_ID_REUSED", b.ask(other).Reason, name)
	}
	b.requireEnd(b.transfer("d"), command.Cancelled, "NOT_ALLOWED", "")
	b.edge.forbidden = false
	require.Equal(t, "NOT_ALLOWED", b.again().Reason, "nor does a refusal change")
}

// Both ways with one request id are one transaction. Another request under this id moves nothing and ends
// nothing.
func TestBothWaysWithOneRequestIDAreOneTransaction(t *testing.T) {
	b := newBench(t)
	call := wallet.Call{Caller: "ns-gateway", RequestID: "both", Subject: bank.Subject{Kind: principal.User, Customers: []bank.ID{b.user}}}
	request := wallet.TransferRequest{Call: call, Source: "accounts/" + b.mine.String(), Destination: "accounts/" + b.yours.String(), AmountMinor: 100, Currency: "BRL"}
	decided, err := b.Wallets.Transfer(t.Context(), request)
	require.NoError(t, err)
	result := b.requireEnd(b.transfer("both"), command.Completed, "", "")
	require.Equal(t, decided.Entry.TransactionID.String(), result.TransactionID)
	require.Equal(t, decided.Entry.Sequence, result.Sequence)

	other := b.transfer("both")
	other.AmountMinor = 99
	b.requireEnd(other, command.Cancelled, "REQUEST_ID_REUSED", "request_id")
	b.requireEnd(b.transfer("both"), command.Completed, "", "")
	require.Equal(t, int64(900), b.balance(b.mine))
	// The namespace of another producer is another request.
	own := b.transfer("both")
	own.PrincipalKind, own.PrincipalID = command.Service, ""
	b.last = b.record("payroll", own)
	require.Equal(t, command.Completed, b.again().Status)
	require.Equal(t, int64(800), b.balance(b.mine))
}

// A crash between the steps of a refusal changes neither the reason nor the end.
func TestARefusalThatBrokeOffGoesOn(t *testing.T) {
	b := newBench(t)
	missing := b.transfer("broken-off")
	missing.DestinationAccountID = banktest.NewID().String()
	b.store.away = true
	b.last = b.record(gateway, missing)
	_, err := b.Handle(t.Context(), []*kgo.Record{b.last})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Empty(t, b.results.results)
	b.store.away = false
	// The reason was stored and the request id not ended; the edge refuses everything since.
	id := bank.Code("001").TransactionID("ns-gateway", "broken-off")
	_, err = b.store.StoreOutcome(t.Context(), bank.CommandOutcome{TransactionID: id, Reason: "ACCOUNT_NOT_FOUND", Field: "destination", DecidedAt: banktest.Start})
	require.NoError(t, err)
	b.edge.forbidden = true
	b.requireEnd(missing, command.Cancelled, "ACCOUNT_NOT_FOUND", "destination")

	// What has no answer now has not ended.
	b.edge.forbidden, b.edge.away = false, []string{command.Transfer}
	b.last = b.record(gateway, b.transfer("later"))
	_, err = b.Handle(t.Context(), []*kgo.Record{b.last})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	ended, stop := context.WithCancel(t.Context())
	stop()
	b.edge.away = nil
	_, err = b.Handle(ended, []*kgo.Record{b.last})
	require.Error(t, err)
	require.Equal(t, command.Completed, b.again().Status)

	// Results that could not be published are published later, the same.
	b.edge.forbidden = false
	b.results.err = errors.New("the brokers are away")
	b.last = b.record(gateway, b.transfer("unheard"))
	_, err = b.Handle(t.Context(), []*kgo.Record{b.last})
	require.ErrorIs(t, err, b.results.err)
	b.results.err = nil
	require.Equal(t, command.Completed, b.again().Status)
	require.Equal(t, int64(800), b.balance(b.mine))
}

// The commands of one account are decided in the order of the topic.
func TestTheOrderOfAnAccountIsThatOfTheTopic(t *testing.T) {
	b := newBench(t)
	var batch []*kgo.Record
	for i := range 30 {
		all := b.transfer(fmt.Sprint("all-", i))
		all.AmountMinor = 1_000 + int64(i)*100
		more := b.asked(fmt.Sprint("more-", i), command.Deposit)
		more.AmountMinor = 1_100 + int64(i)*100
		batch = append(batch, b.record(gateway, all), b.record(gateway, more))
	}
	letters, err := b.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Empty(t, letters)
	for i, result := range b.results.results {
		require.Equal(t, command.Completed, result.Status, i)
		require.Equal(t, int64(3+i), result.Sequence)
	}
}

// A command behind one that has no answer yet waits too, because the first may bring the money that the second
// takes.
func TestWhatFollowsAnUnansweredCommandWaits(t *testing.T) {
	b := newBench(t)
	in, all := b.asked("in", command.Deposit), b.transfer("all")
	all.AmountMinor = 1_100
	other := b.asked("other", command.Withdrawal)
	other.AccountID, other.PrincipalKind, other.PrincipalID = b.yours.String(), command.Service, ""
	batch := []*kgo.Record{b.record(gateway, in), b.record(gateway, all), b.record(gateway, other)}
	b.edge.away = []string{command.Deposit}
	_, err := b.Handle(t.Context(), batch)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Equal(t, []int64{1_000, 900}, []int64{b.balance(b.mine), b.balance(b.yours)}, "other accounts do not wait")
	require.Empty(t, b.results.results, "no result before the whole batch is dealt with")
	b.edge.away = nil
	_, err = b.Handle(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, b.results.results, 3)
	for _, result := range b.results.results {
		require.Equal(t, command.Completed, result.Status)
	}
	require.Equal(t, []int64{0, 2_000}, []int64{b.balance(b.mine), b.balance(b.yours)})
}

// A record that is no command of anybody the bank knows moves nothing and is a letter, and its neighbours
// are decided.
func TestWhatIsNoCommandIsALetter(t *testing.T) {
	b := newBench(t)
	forge := func(change func(*kgo.Record)) *kgo.Record {
		record := b.record(gateway, b.transfer("forged"))
		change(record)
		return record
	}
	signed := func(producer string, change func(*command.Command)) *kgo.Record {
		asked := b.transfer("signed")
		change(&asked)
		return b.record(producer, asked)
	}
	for _, test := range []struct {
		cause  string
		record *kgo.Record
	}{
		{"NOT_FRAMED", forge(func(r *kgo.Record) { r.Value = nil })},
		{"NOT_FRAMED", forge(func(r *kgo.Record) { r.Value = []byte("1234567") })},
		{"FORGED", forge(func(r *kgo.Record) { r.Headers = nil })},
		{"FORGED", forge(func(r *kgo.Record) { r.Headers[0].Value = []byte("payroll-1") })},
		{"FORGED", forge(func(r *kgo.Record) { r.Headers[1].Value = []byte(strings.Repeat("A", 43)) })},
		{"FORGED", forge(func(r *kgo.Record) { r.Value[len(r.Value)-2] ^= 1 })},
		{"FORGED", forge(func(r *kgo.Record) { r.Key = []byte(b.yours.String()) })},
		{"FORGED", forge(func(r *kgo.Record) { r.Topic = "bank-002.commands.v1" })},
		{"OTHER_BANK", signed(gateway, func(c *command.Command) { c.BankCode = "002" })},
		{"BAD_REQUEST_ID", signed(gateway, func(c *command.Command) { c.RequestID = "two words" })},
		{"UNKNOWN_KIND", signed(gateway, func(c *command.Command) { c.Kind = "UNKNOWN" })},
		{"BAD_PRINCIPAL", signed(gateway, func(c *command.Command) { c.PrincipalKind = "UNKNOWN" })},
		{"BAD_PRINCIPAL", signed(gateway, func(c *command.Command) { c.PrincipalID = "ada" })},
		{"BAD_PRINCIPAL", signed("payroll", func(c *command.Command) { c.PrincipalKind = command.Service })},
		{"NOT_FOR_USERS", signed("payroll", func(*command.Command) {})},
	} {
		neighbour := b.transfer("neighbour")
		neighbour.AmountMinor = 1
		before := len(b.results.results)
		letters, err := b.Handle(t.Context(), []*kgo.Record{test.record, b.record(gateway, neighbour)})
		require.NoError(t, err, test.cause)
		require.Len(t, letters, 1, test.cause)
		require.Equal(t, test.cause, letters[0].Cause)
		require.Same(t, test.record, letters[0].Record)
		require.NotContains(t, letters[0].Message, "forged")
		require.Len(t, b.results.results, before+1, test.cause)
	}
	require.Equal(t, int64(999), b.balance(b.mine))
	// The key of a record that is signed is not that of its command.
	asked := b.transfer("signed")
	body, err := command.Encode(&asked)
	require.NoError(t, err)
	signer, key := b.keys.Signer(gateway), []byte(b.yours.String())
	record := &kgo.Record{Topic: intake.Topic("001"), Key: key, Value: append(event.AppendFrame(nil, 9), body...), Headers: []kgo.RecordHeader{
		{Key: command.HeaderKey, Value: []byte(signer.ID)}, {Key: command.HeaderMAC, Value: []byte(signer.Sign(command.Record{Topic: intake.Topic("001"), Key: key, Body: body}))},
	}}
	letters, err := b.Handle(t.Context(), []*kgo.Record{record})
	require.NoError(t, err)
	require.Equal(t, "OTHER_KEY", letters[0].Cause)
}

// A record that was sent again for another reader of the topic is not for the bank.
func TestARecordForAnotherReaderIsSkipped(t *testing.T) {
	b := newBench(t)
	for to, results := range map[string]int{"audit": 0, intake.Reader("001"): 1} {
		record := b.record(gateway, b.transfer("redriven"))
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: consumer.HeaderTo, Value: []byte(to)})
		before := len(b.results.results)
		letters, err := b.Handle(t.Context(), []*kgo.Record{record})
		require.NoError(t, err)
		require.Empty(t, letters)
		require.Len(t, b.results.results, before+results)
	}
}

// An internal error is tried again some times, and then a letter: it neither ends the command nor keeps the
// partition.
func TestAnInternalErrorBecomesALetter(t *testing.T) {
	b := newBench(t)
	b.Accounts = brokenReader{b.store}
	missing := b.transfer("broken")
	missing.DestinationAccountID = banktest.NewID().String()
	record := b.record(gateway, missing)
	tries := 1
	letters, err := b.Handle(t.Context(), []*kgo.Record{record})
	for ; err != nil; tries++ {
		require.Equal(t, fault.Internal, fault.CodeOf(err))
		letters, err = b.Handle(t.Context(), []*kgo.Record{record})
	}
	require.Equal(t, 5, tries)
	require.Equal(t, "INTERNAL", letters[0].Cause)
	b.Accounts = b.store
	b.requireEnd(missing, command.Cancelled, "ACCOUNT_NOT_FOUND", "destination")
}

type brokenReader struct{ bank.AccountReader }

func (brokenReader) Details(context.Context, bank.ID) (bank.TransactionDetails, error) {
	return bank.TransactionDetails{}, fault.New(fault.Internal, "BROKEN", "Broken.")
}
