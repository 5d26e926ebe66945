package transfer_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/gateway"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

var (
	ada, bob           = id.ID{0xad}, id.ID{0xb0}
	wallet, other, own = id.ID{1}, id.ID{2}, id.ID{3}
	card               = id.ID{4}
	noon               = time.Date(2026, 11, 30, 12, 0, 0, 123_456_789, time.UTC)
	errAway            = fault.New(fault.Unavailable, "BANK_AWAY", "away").After(time.Second)
)

// memory is a gateway.Store.
type memory struct {
	mutex     sync.Mutex
	transfers map[id.ID]gateway.Transfer
	rows      []outbox.Row
}

func (m *memory) Accept(_ context.Context, transfer gateway.Transfer, row outbox.Row) (gateway.Transfer, bool, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if stored, known := m.transfers[transfer.ID]; known {
		return stored, true, nil
	}
	m.transfers[transfer.ID] = transfer
	m.rows = append(m.rows, row)
	return transfer, false, nil
}

func (m *memory) Transfer(_ context.Context, user, name id.ID) (gateway.Transfer, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if stored, known := m.transfers[name]; known && stored.UserID == user {
		return stored, nil
	}
	return gateway.Transfer{}, gateway.ErrNoTransfer
}

func (m *memory) Transfers(context.Context, id.ID, gateway.Page) ([]gateway.Transfer, error) {
	return nil, nil
}

func (m *memory) End(_ context.Context, endings []gateway.Ending) (ended []gateway.Ending, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, ending := range endings {
		stored, known := m.transfers[ending.ID]
		if known && stored.Status == gateway.Processing {
			stored.Status, stored.Error, stored.UpdatedAt = ending.Status, ending.Error, ending.At
			stored.TransactionID, stored.Sequence = ending.TransactionID, ending.Sequence
			m.transfers[ending.ID] = stored
			ended = append(ended, ending)
		}
	}
	return ended, nil
}

// bank is a transfer.Bank in which Ada has two wallets and a card.
type bank struct {
	user  id.ID
	err   error
	asked int
	// reason and cancelErr are the answer to Cancel.
	reason    string
	cancelErr error
}

func (b *bank) Account(_ context.Context, account id.ID) (gateway.Account, error) {
	b.asked++
	switch {
	case b.err != nil:
		return gateway.Account{}, b.err
	case b.user != ada || account == other:
		return gateway.Account{}, fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "none")
	}
	return gateway.Account{ID: account, Currency: "BRL", IsWallet: account != card}, nil
}

func (b *bank) Cancel(context.Context, string) (string, error) { return b.reason, b.cancelErr }

// desk is a Service with what is behind it.
type desk struct {
	*transfer.Service
	store *memory
	bank  *bank
	keys  *command.Keys
	woken int
	now   time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	none, err := command.ParseKeys([]byte(`{"keys":[]}`))
	require.NoError(t, err)
	content, err := none.With("k1", gateway.Namespace, true)
	require.NoError(t, err)
	d := &desk{store: &memory{transfers: make(map[id.ID]gateway.Transfer)}, bank: &bank{user: ada}, now: noon}
	d.keys, err = command.ParseKeys(content)
	require.NoError(t, err)
	d.Service, err = transfer.New(transfer.Config{
		Store: d.store, Bank: d.bank, BankCode: "001", Key: d.keys.Signer(gateway.Namespace), Wake: func() { d.woken++ },
		TraceID: func(context.Context) string { return "4bf92f3577b34da6a3ce929d0e0e4736" }, Now: func() time.Time { return d.now },
	})
	require.NoError(t, err)
	return d
}

func (d *desk) accept(user id.ID, key string, request gateway.Request) (transfer.Accepted, error) {
	return d.Accept(context.Background(), user, key, request)
}

var one = gateway.Request{From: wallet, To: other, AmountMinor: 1, Message: "Te quiero"}

func TestAnAcceptedTransferHasACommandThatTheBankBelieves(t *testing.T) {
	d := newDesk(t)
	accepted, err := d.accept(ada, "key", one)
	require.NoError(t, err)
	require.Equal(t, 1, d.woken)
	require.Len(t, d.store.rows, 1)
	row := d.store.rows[0]
	require.Equal(t, "bank-001.commands.v1", row.Topic)
	require.Equal(t, wallet.String(), string(row.Key))
	require.Equal(t, command.HeaderKey, row.Headers[0].Key)
	key, err := d.keys.Verify(command.Record{Topic: row.Topic, Key: row.Key, Body: row.Body}, string(row.Headers[0].Value), string(row.Headers[1].Value))
	require.NoError(t, err)
	require.Equal(t, gateway.Namespace, key.Producer)
	decoder, err := command.NewDecoder[command.Command]("")
	require.NoError(t, err)
	asked, err := decoder.Decode(row.Body)
	require.NoError(t, err)
	require.Equal(t, command.Command{
		BankCode: "001", RequestID: accepted.Transfer.ID.String(), Kind: command.Transfer, PrincipalKind: command.User, PrincipalID: ada.String(),
		AccountID: wallet.String(), DestinationAccountID: other.String(), AmountMinor: 1, Currency: "BRL", Description: "Te quiero",
		AcceptedAtMillis: noon.UnixMilli(), TraceID: "4bf92f3577b34da6a3ce929d0e0e4736",
	}, asked)
	require.Len(t, asked.RequestID, 36)
}

func TestARepeatIsAnsweredAsItWasAcceptedAlsoAfterItHasEndedAndWhileTheBankIsAway(t *testing.T) {
	d := newDesk(t)
	first, err := d.accept(ada, "key", one)
	require.NoError(t, err)
	require.False(t, first.IsRepeat)
	_, err = d.store.End(t.Context(), []gateway.Ending{{ID: first.Transfer.ID, Status: gateway.Cancelled, Error: gateway.NotEnoughFunds, At: noon.Add(time.Hour)}})
	require.NoError(t, err)
	again, err := d.accept(ada, "key", one)
	require.NoError(t, err)
	require.True(t, again.IsRepeat)
	require.Equal(t, first.Transfer, again.Transfer)

	fresh := newDesk(t) // A replica that knows no account yet.
	fresh.store.transfers, fresh.bank.err = d.store.transfers, errAway
	again, err = fresh.accept(ada, "key", one)
	require.NoError(t, err)
	require.Equal(t, first.Transfer, again.Transfer)
	changed := one
	changed.AmountMinor++
	_, err = fresh.accept(ada, "key", changed)
	require.ErrorIs(t, err, gateway.ErrKeyReused)
	require.Len(t, d.store.rows, 1)
}

func TestAKeyNamesOneRequestOfOneUser(t *testing.T) {
	d := newDesk(t)
	first, err := d.accept(ada, "key", one)
	require.NoError(t, err)
	for _, change := range []func(*gateway.Request){
		func(r *gateway.Request) { r.AmountMinor++ }, func(r *gateway.Request) { r.To = own },
		func(r *gateway.Request) { r.Message = "" }, func(r *gateway.Request) { r.From = own },
	} {
		changed := one
		change(&changed)
		_, err := d.accept(ada, "key", changed)
		require.ErrorIs(t, err, gateway.ErrKeyReused)
	}
	second, err := d.accept(ada, "another", one)
	require.NoError(t, err)
	require.NotEqual(t, first.Transfer.ID, second.Transfer.ID)
	hers, err := gateway.RequestID(ada, "key")
	require.NoError(t, err)
	his, err := gateway.RequestID(bob, "key")
	require.NoError(t, err)
	require.NotEqual(t, hers, his)
	require.Equal(t, "e98d428a-48cb-527d-8b26-e2b2e3b7d768", hers.String(), "ids that were derived stay what they are")
}

func TestTheBankSaysWhoseAnAccountIsAndIsAskedAgainBeforeLong(t *testing.T) {
	d := newDesk(t)
	for _, key := range []string{"one", "two"} {
		_, err := d.accept(ada, key, one)
		require.NoError(t, err)
	}
	require.Equal(t, 1, d.bank.asked)

	// The bank is away: what it has said counts, and what it has not said is unknown.
	d.bank.err, d.now = errAway, noon.Add(time.Hour)
	_, err := d.accept(ada, "three", one)
	require.NoError(t, err)
	elsewhere := one
	elsewhere.From = own
	_, err = d.accept(ada, "four", elsewhere)
	require.ErrorIs(t, err, errAway)
	require.Equal(t, time.Second, fault.Of(err).RetryAfter)

	// The account was given to Bob.
	d.bank.user, d.bank.err = bob, nil
	_, err = d.accept(ada, "five", one)
	require.Equal(t, "SOURCE_NOT_YOURS", fault.Of(err).Reason)
	d.bank.err = errAway
	_, err = d.accept(ada, "six", one)
	require.ErrorIs(t, err, errAway, "and is known to be hers no more")
	_, err = d.accept(bob, "seven", one)
	require.ErrorIs(t, err, errAway, "what was known was hers alone")
	again, err := d.accept(ada, "one", one)
	require.NoError(t, err)
	require.True(t, again.IsRepeat, "what was accepted is answered again whatever has changed since")
}

func TestWhatCanNeverBeSentIsRefused(t *testing.T) {
	d := newDesk(t)
	for rule, tt := range map[string]struct {
		change func(*gateway.Request)
		reason string
	}{
		"no source":      {func(r *gateway.Request) { r.From = id.ID{} }, "INVALID_FIELD"},
		"no destination": {func(r *gateway.Request) { r.To = id.ID{} }, "INVALID_FIELD"},
		"nothing":        {func(r *gateway.Request) { r.AmountMinor = 0 }, "AMOUNT_TOO_SMALL"},
		"too much":       {func(r *gateway.Request) { r.AmountMinor = 1e15 }, "INVALID_FIELD"},
		"to itself":      {func(r *gateway.Request) { r.To = r.From }, "SAME_ACCOUNT"},
		"from a card":    {func(r *gateway.Request) { r.From = card }, "NOT_A_WALLET"},
		"another's":      {func(r *gateway.Request) { r.From, r.To = other, wallet }, "SOURCE_NOT_YOURS"},
		"a long message": {func(r *gateway.Request) { r.Message = string(make([]rune, 141)) }, "INVALID_FIELD"},
		"a card number":  {func(r *gateway.Request) { r.Message = "4111 1111 1111 1111" }, "INVALID_FIELD"},
	} {
		request := one
		tt.change(&request)
		_, err := d.accept(ada, "key", request)
		require.Equal(t, tt.reason, fault.Of(err).Reason, rule)
	}
	for _, key := range []string{"", "two words", "ключ", string(make([]byte, 256))} {
		_, err := d.accept(ada, key, one)
		require.Equal(t, gateway.KeyHeader, fault.Of(err).Field, key)
	}
	require.Empty(t, d.store.rows)
}

func TestCancelEndsWhatTheBankHasCancelled(t *testing.T) {
	for reason, want := range map[string]string{"": gateway.CancelledByOwner, "INSUFFICIENT_FUNDS": gateway.NotEnoughFunds} {
		d := newDesk(t)
		accepted, err := d.accept(ada, "key", one)
		require.NoError(t, err)
		_, _, err = d.Cancel(t.Context(), bob, accepted.Transfer.ID)
		require.ErrorIs(t, err, gateway.ErrNoTransfer)
		d.bank.cancelErr = errAway
		_, _, err = d.Cancel(t.Context(), ada, accepted.Transfer.ID)
		require.ErrorIs(t, err, errAway)
		d.bank.cancelErr = fault.New(fault.FailedPrecondition, "NOT_PENDING", "the bank's words")
		_, _, err = d.Cancel(t.Context(), ada, accepted.Transfer.ID)
		require.Equal(t, "NOT_PENDING", fault.Of(err).Reason)
		stored, err := d.Transfer(t.Context(), ada, accepted.Transfer.ID)
		require.NoError(t, err)
		require.Equal(t, gateway.Processing, stored.Status, "how it ended comes by its result")

		d.bank.cancelErr, d.bank.reason = nil, reason
		for range 2 {
			cancelled, _, err := d.Cancel(t.Context(), ada, accepted.Transfer.ID)
			require.NoError(t, err)
			require.Equal(t, gateway.Cancelled, cancelled.Status)
			require.Equal(t, want, cancelled.Error)
		}
	}
}

func TestOnlyAKeyOfTheGatewayForUsersIsTaken(t *testing.T) {
	for _, entry := range []struct {
		producer string
		forUsers bool
	}{{gateway.Namespace, false}, {"events", true}} {
		none, err := command.ParseKeys([]byte(`{"keys":[]}`))
		require.NoError(t, err)
		content, err := none.With("k", entry.producer, entry.forUsers)
		require.NoError(t, err)
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		_, err = transfer.New(transfer.Config{Key: keys.Signer(entry.producer)})
		require.ErrorContains(t, err, "command key")
	}
	_, err := transfer.New(transfer.Config{})
	require.ErrorContains(t, err, "command key")
}

func TestWhatAResultMeans(t *testing.T) {
	name, transaction := id.ID{7}, id.ID{8}
	good := command.Result{
		BankCode: "001", Producer: gateway.Namespace, RequestID: name.String(), TransactionID: transaction.String(), Kind: command.Transfer,
		Status: command.Completed, Sequence: 5, DecidedAtMillis: noon.UnixMilli(),
	}
	at := noon.Truncate(time.Millisecond)
	completed := gateway.Ending{ID: name, Status: gateway.Completed, TransactionID: transaction, Sequence: 5, At: at}
	cancelled := func(why string) gateway.Ending {
		return gateway.Ending{ID: name, Status: gateway.Cancelled, Error: why, At: at}
	}
	refused := func(reason, field string) func(*command.Result) {
		return func(r *command.Result) { r.Status, r.Reason, r.Field = command.Cancelled, reason, field }
	}
	for rule, tt := range map[string]struct {
		change func(*command.Result)
		want   gateway.Ending
	}{
		"completed":                   {func(*command.Result) {}, completed},
		"too little money":            {refused("INSUFFICIENT_FUNDS", ""), cancelled("not_enough_funds")},
		"no destination":              {refused("ACCOUNT_NOT_FOUND", "destination"), cancelled("to_account_not_found")},
		"no source":                   {refused("ACCOUNT_NOT_FOUND", "source"), cancelled("account_not_found")},
		"another reason":              {refused("ACCOUNT_CLOSED", ""), cancelled("account_closed")},
		"cancelled by its owner":      {refused("CANCELLED_BY_REQUEST", ""), cancelled("cancelled_by_customer")},
		"without a reason":            {refused("", ""), cancelled("cancelled_by_customer")},
		"another bank's":              {func(r *command.Result) { r.BankCode = "002" }, gateway.Ending{}},
		"another producer's":          {func(r *command.Result) { r.Producer = "events" }, gateway.Ending{}},
		"of another kind":             {func(r *command.Result) { r.Kind = command.Deposit }, gateway.Ending{}},
		"of no transfer":              {func(r *command.Result) { r.RequestID = "x" }, gateway.Ending{}},
		"of an unknown status":        {func(r *command.Result) { r.Status = "UNKNOWN" }, gateway.Ending{}},
		"completed without sequence":  {func(r *command.Result) { r.Sequence = 0 }, gateway.Ending{}},
		"completed without its entry": {func(r *command.Result) { r.TransactionID = "" }, gateway.Ending{}},
	} {
		result := good
		tt.change(&result)
		ending, ours := transfer.EndingOf(&result, "001")
		require.Equal(t, tt.want != gateway.Ending{}, ours, rule)
		if ours {
			require.Equal(t, tt.want, ending, rule)
		}
	}
}
