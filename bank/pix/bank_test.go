package pix_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/pix"
	"codebank.dev/bank/vault"
	"codebank.dev/bank/wallet"
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

// participant is a bank on a ledger, in memory unless a test says otherwise.
type participant struct {
	*pix.Service
	store   banktest.Ledger
	codes   *pix.CodeService
	wallets *wallet.Service
	handler *pix.Handler
	clock   *banktest.Clock
	// account is a wallet of customer, with a deposit; closed is one that was closed.
	account, closed, customer bank.ID
	keys                      *command.Keys
}

// tester is a test or a check of rapid.
type tester interface {
	require.TestingT
	Helper()
	Context() context.Context
}

// names are the holders of every bank.
type names struct{}

func (names) HolderName(context.Context, bank.ID) (string, error) { return "Ada Augusta Lovelace", nil }

// directory is the hub's for every bank.
type directory map[string]pix.Destination

func (d directory) LookUp(_ context.Context, _ bank.ID, key string) (pix.Destination, error) {
	if to, ok := d[key]; ok {
		return to, nil
	}
	return pix.Destination{}, fault.New(fault.NotFound, "KEY_NOT_FOUND", "There is no such key.").In("key")
}

// newHubKeys returns the file of keys that a bank shares with the hub.
func newHubKeys(t testing.TB, code bank.Code) *command.Keys {
	t.Helper()
	none, err := command.ParseKeys([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	content, err := none.With("bank-"+string(code), command.PixBank(string(code)), false)
	require.NoError(t, err)
	one, err := command.ParseKeys(content)
	require.NoError(t, err)
	content, err = one.With("hub", command.PixHub, false)
	require.NoError(t, err)
	keys, err := command.ParseKeys(content)
	require.NoError(t, err)
	return keys
}

var operator = bank.Subject{Kind: principal.Operator, Name: "op"}

func (p *participant) owner() bank.Subject {
	return bank.Subject{Kind: principal.User, Name: p.customer.String(), Customers: []bank.ID{p.customer}}
}

func newParticipant(t testing.TB, code bank.Code, to directory) *participant {
	t.Helper()
	clock := banktest.NewClock()
	p := newReplica(t, code, to, clock, inmem.New(clock.Now))
	p.openAccounts(t)
	return p
}

// openAccounts opens the accounts of a participant.
func (p *participant) openAccounts(t testing.TB) {
	t.Helper()
	p.account, p.closed = p.open(t, 1_000_000), p.open(t, 0)
	_, err := p.wallets.Close(t.Context(), wallet.CloseRequest{Call: p.call("close"), Name: "accounts/" + p.closed.String()})
	require.NoError(t, err)
}

// newReplica returns a participant without accounts.
func newReplica(t testing.TB, code bank.Code, to directory, clock *banktest.Clock, store banktest.Ledger) *participant {
	t.Helper()
	secrets := must(vault.Generate())
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: clock.Now, ProducerVersion: "test"})
	t.Cleanup(func() { require.NoError(t, executor.Close(context.Background())) })
	p := &participant{
		store: store, clock: clock, keys: newHubKeys(t, code), customer: banktest.NewID(),
		wallets: &wallet.Service{Code: code, Ledger: executor, Directory: store, Reader: store, Accounts: store, Vault: secrets},
		Service: &pix.Service{
			Code: code, Ledger: executor, Directory: store, Reader: store, Holds: store, Messages: store, Payments: store, Vault: secrets,
			Holders: names{}, Keys: to,
		},
		codes: &pix.CodeService{
			Code: code, Directory: store, Holders: names{}, OwnKeys: store, Keys: to, Codes: store, Vault: secrets, Now: clock.Now,
		},
	}
	p.handler = &pix.Handler{Service: p.Service, Keys: func() *command.Keys { return p.keys }}
	return p
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func (p *participant) call(requestID string) wallet.Call {
	return wallet.Call{Caller: "branch", RequestID: requestID, Subject: operator}
}

func (p *participant) open(t testing.TB, deposit int64) bank.ID {
	t.Helper()
	opened, err := p.wallets.Open(t.Context(), wallet.OpenRequest{
		Call: p.call(rand.Text()), CustomerID: p.customer.String(), Currency: "BRL", DepositMinor: deposit,
	})
	require.NoError(t, err)
	return opened.Account.ID
}

// pay sends an amount to a key for the owner.
func (p *participant) pay(t testing.TB, requestID, key string, amount int64) (pix.Payment, error) {
	t.Helper()
	return p.Send(t.Context(), pix.SendRequest{
		Call:    pix.Call{Caller: "app", RequestID: requestID, Subject: p.owner()},
		Account: "accounts/" + p.account.String(), Key: key, AmountMinor: amount, Currency: "BRL", Description: "lunch",
	})
}

// outgoing are the messages that are due.
func (p *participant) outgoing(t tester) (messages []command.PixMessage) {
	t.Helper()
	rows, err := p.store.Messages().Claim(t.Context(), 1000, time.Second)
	require.NoError(t, err)
	decoder := must(command.NewDecoder[command.PixMessage](""))
	var sent []bank.ID
	for _, row := range rows {
		m := must(decoder.Decode(row.Body))
		require.Equal(t, string(m.RecordKey()), string(row.Key))
		messages, sent = append(messages, m), append(sent, row.ID)
	}
	require.NoError(t, p.store.Messages().Sent(t.Context(), sent))
	return messages
}

// record returns a message of the hub as it is on the topic.
func (p *participant) record(m command.PixMessage, producer string) *kgo.Record {
	topic, body, key := command.PixToBank(string(p.Code)), must(command.Encode(&m)), p.keys.Signer(producer)
	return &kgo.Record{
		Topic: topic, Key: m.RecordKey(), Value: append(event.AppendFrame(nil, 7), body...),
		Headers: []kgo.RecordHeader{
			{Key: command.HeaderKey, Value: []byte(key.ID)},
			{Key: command.HeaderMAC, Value: []byte(key.Sign(command.Record{Topic: topic, Key: m.RecordKey(), Body: body}))},
		},
	}
}

// take handles messages of the hub and returns the causes of those that are dead letters.
func (p *participant) take(t tester, messages ...command.PixMessage) (causes []string) {
	t.Helper()
	var batch []*kgo.Record
	for _, m := range messages {
		batch = append(batch, p.record(m, command.PixHub))
	}
	letters, err := p.handler.Handle(t.Context(), batch)
	require.NoError(t, err)
	for _, letter := range letters {
		causes = append(causes, letter.Cause)
	}
	return causes
}

func (p *participant) balance(t tester, account bank.ID) (balance, held int64) {
	t.Helper()
	a, err := p.store.Account(t.Context(), account)
	require.NoError(t, err)
	return a.Balance, a.Held
}

func (p *participant) state(t tester, name string) pix.Payment {
	t.Helper()
	payment, err := p.Get(t.Context(), pix.Call{Subject: operator}, name)
	require.NoError(t, err)
	return payment
}

func name(payment *pix.Payment) string { return "pix/" + payment.Entry.EndToEndID }

// twoBanks are 001 and 002, with keys for each other's accounts.
func twoBanks(t testing.TB) (one, two *participant) {
	t.Helper()
	to := directory{}
	one, two = newParticipant(t, "001", to), newParticipant(t, "002", to)
	at := func(p *participant, account bank.ID) pix.Destination {
		return pix.Destination{KeyKind: "EMAIL", BankCode: p.Code, Account: account, HolderName: "Bob D***", HolderDocument: "***.456.***-**"}
	}
	to["ada"], to["bob"], to["gone"], to["nobody"] = at(one, one.account), at(two, two.account), at(two, two.closed), at(two, banktest.NewID())
	to["sister"] = at(one, one.closed)
	return one, two
}
