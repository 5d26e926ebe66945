package processor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/checkout/payment/results"
	"codebank.dev/checkout/sandbox"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/schemas/command"
)

// way is the whole way of a charge, with topics and a store in memory.
type way struct {
	t         testing.TB
	now       time.Time
	store     *inmem.Store
	accept    *accept.Service
	processor *processor.Handler
	results   *results.Handler
	charges   paymenttest.Topic
	answers   paymenttest.Topic
	keys      *command.Keys
	bank      *inmem.Acquirer
}

func newWay(t testing.TB) *way {
	w := &way{t: t, now: paymenttest.Start, store: inmem.New(), keys: paymenttest.Keys(t)}
	clock := func() time.Time { return w.now }
	var err error
	w.accept, err = accept.New(accept.Config{
		Store: w.store, Payouts: w.store, Key: w.keys.Signer(accept.Producer), Secret: bytes.Repeat([]byte{7}, 32), Now: clock,
	})
	require.NoError(t, err)
	w.bank = inmem.NewAcquirer(clock)
	w.processor = processor.New(processor.Config{Cards: w.store, Acquirer: w.bank, Payer: w.bank, Publisher: &w.answers, Keys: w.keys, Now: clock})
	w.results = results.New(results.Config{Store: w.store, Keys: w.keys, Logger: slog.New(slog.DiscardHandler)})
	return w
}

func card(number string) field.RawCardData {
	return field.RawCardData{Number: number, HolderName: "MARIA DA SILVA", CVV: "739", ExpiryMonth: 12, ExpiryYear: 2031}
}

func (w *way) charge(key, number string, minor int64, captureNow bool) payment.Charge {
	w.t.Helper()
	return w.chargeOf(paymenttest.Cafe, key, number, minor, captureNow)
}

func (w *way) chargeOf(owner payment.Owner, key, number string, minor int64, captureNow bool) payment.Charge {
	w.t.Helper()
	charge, repeated, err := w.accept.Charge(w.t.Context(), owner, &accept.ChargeRequest{
		Key: key, Amount: money.Amount{Minor: minor, Currency: money.MustCurrency("BRL")}, CaptureNow: captureNow, Card: card(number),
	})
	require.NoError(w.t, err)
	require.False(w.t, repeated)
	require.Equal(w.t, payment.Pending, charge.State)
	return charge
}

// run lets everything go on as far as it can, and returns the letters of the processor.
func (w *way) run() []consumer.Letter {
	w.t.Helper()
	paymenttest.Send(w.t.Context(), w.t, w.store, &w.charges)
	letters, err := w.processor.Handle(w.t.Context(), w.charges.Take())
	require.NoError(w.t, err)
	_, err = w.results.Handle(w.t.Context(), w.answers.Take())
	require.NoError(w.t, err)
	return letters
}

func (w *way) read(owner payment.Owner, charge id.ID) (payment.Charge, []payment.Operation) {
	w.t.Helper()
	read, operations, err := w.store.Charge(w.t.Context(), owner, charge)
	require.NoError(w.t, err)
	return read, operations
}

const good = "4111111111111111"

func TestAChargeIsDecidedByTheRulesOfTestMode(t *testing.T) {
	w := newWay(t)
	approved := w.charge("k1", good, 1_000, true)
	authorized := w.charge("k2", good, 1_000, false)
	above := w.charge("k3", good, 100_001, true)
	wrong := w.charge("k4", "4111111111111112", 1_000, true)
	none := w.charge("k5", "", 1_000, true)
	require.Empty(t, w.run())
	for charge, want := range map[id.ID]struct {
		state  payment.State
		reason string
	}{
		approved.ID: {payment.Approved, ""}, authorized.ID: {payment.Authorized, ""}, above.ID: {payment.Rejected, "OVER_PURCHASE_LIMIT"},
		wrong.ID: {payment.Rejected, sandbox.ReasonInvalidNumber}, none.ID: {payment.Rejected, sandbox.ReasonInvalidNumber},
	} {
		read, _ := w.read(paymenttest.Cafe, charge)
		require.Equal(t, want.state, read.State)
		require.Equal(t, want.reason, read.Rejection.Reason)
		require.Nil(t, paymenttest.KeyOf(t.Context(), t, w.store, charge))
	}
	read, _ := w.read(paymenttest.Cafe, authorized.ID)
	require.Equal(t, w.now.Add(7*24*time.Hour), read.ExpiresAt)
	require.Equal(t, "1111", read.Card.Last4)
	require.Equal(t, processor.Stats{Approved: 2, Rejected: 3}, w.processor.Stats())
	require.Equal(t, results.Stats{Approved: 2, Rejected: 3}, w.results.Stats())
}

func TestOperationsAreDecided(t *testing.T) {
	w := newWay(t)
	charge := w.charge("k1", good, 1_000, false)
	require.Empty(t, w.run())
	for i, ask := range []accept.OperationRequest{
		{Kind: payment.Capture, AmountMinor: 700}, {Kind: payment.Refund, AmountMinor: 200}, {Kind: payment.Refund},
	} {
		ask.Key, ask.Charge = "o"+strconv.Itoa(i), charge.ID
		accepted, repeated, err := w.accept.Operate(t.Context(), paymenttest.Cafe, &ask)
		require.NoError(t, err)
		require.False(t, repeated)
		require.Empty(t, w.run())
		again, repeated, err := w.accept.Operate(t.Context(), paymenttest.Cafe, &ask)
		require.NoError(t, err)
		require.True(t, repeated)
		require.Equal(t, accepted, again, "word for word")
	}
	read, operations := w.read(paymenttest.Cafe, charge.ID)
	require.Equal(t, payment.Approved, read.State)
	require.Equal(t, int64(700), read.Captured)
	require.Equal(t, int64(700), read.Refunded)
	require.Len(t, operations, 3)
	_, _, err := w.accept.Operate(t.Context(), paymenttest.Cafe, &accept.OperationRequest{Key: "v", Charge: charge.ID, Kind: payment.Void})
	require.ErrorContains(t, err, "allows no such request")
}

func TestARepeatedRequestIsAnsweredAsTheFirst(t *testing.T) {
	w := newWay(t)
	charge := w.charge("k1", good, 1_000, true)
	request := accept.ChargeRequest{Key: "k1", Amount: charge.Amount, CaptureNow: true, Card: card(good)}
	w.now = w.now.Add(time.Hour)
	require.Empty(t, w.run())
	// The security code is not part of what is compared: nothing is kept of it.
	request.Card.CVV = "111"
	again, repeated, err := w.accept.Charge(t.Context(), paymenttest.Cafe, &request)
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, charge, again)
	for name, change := range map[string]func(*accept.ChargeRequest){
		"amount": func(r *accept.ChargeRequest) { r.Amount.Minor++ }, "number": func(r *accept.ChargeRequest) { r.Card.Number = "4000000000000002" },
		"holder": func(r *accept.ChargeRequest) { r.Card.HolderName = "JOAO" }, "year": func(r *accept.ChargeRequest) { r.Card.ExpiryYear++ },
		"capture": func(r *accept.ChargeRequest) { r.CaptureNow = false }, "description": func(r *accept.ChargeRequest) { r.Description = "x" },
	} {
		other := request
		change(&other)
		_, _, err := w.accept.Charge(t.Context(), paymenttest.Cafe, &other)
		require.ErrorIs(t, err, payment.ErrKeyReused, name)
	}
}

// A try that is to be lost is answered when the gateway sends it again.
func TestATimeOutIsAnsweredTheSecondTime(t *testing.T) {
	w := newWay(t)
	charge := w.charge("k1", "4000000000000119", 1_000, true)
	paymenttest.Send(t.Context(), t, w.store, &w.charges)
	records := w.charges.Take()
	require.Len(t, records, 1)
	_, err := w.processor.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, w.answers.Take())
	require.Equal(t, int64(1), w.processor.Stats().Unanswered)
	records[0].Headers = append(records[0].Headers, kgo.RecordHeader{Key: payment.HeaderTries, Value: []byte("1")})
	_, err = w.processor.Handle(t.Context(), records)
	require.NoError(t, err)
	_, err = w.results.Handle(t.Context(), w.answers.Take())
	require.NoError(t, err)
	read, _ := w.read(paymenttest.Cafe, charge.ID)
	require.Equal(t, payment.Approved, read.State)
	// Once it is decided, nobody can read the card any more, and nothing is answered.
	_, err = w.processor.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, w.answers.Take())
	require.Equal(t, int64(1), w.processor.Stats().Ended)
}

// A broker or a database that is away loses nothing: the batch is handled again.
func TestAnOutageIsNoAnswer(t *testing.T) {
	w := newWay(t)
	w.charge("k1", good, 1_000, true)
	paymenttest.Send(t.Context(), t, w.store, &w.charges)
	records := w.charges.Take()
	w.answers.Away = errors.New("away")
	_, err := w.processor.Handle(t.Context(), records)
	require.ErrorIs(t, err, w.answers.Away)
	require.Zero(t, w.processor.Stats())
	w.answers.Away = nil
	broken := processor.New(processor.Config{Cards: noKeys{}, Publisher: &w.answers, Keys: w.keys, Now: time.Now})
	_, err = broken.Handle(t.Context(), records)
	require.ErrorIs(t, err, errAway)
	letters, err := w.processor.Handle(t.Context(), records)
	require.NoError(t, err)
	require.Empty(t, letters)
	require.Len(t, w.answers.Take(), 1)
}

type noKeys struct{}

var errAway = errors.New("the database is away")

func (noKeys) Key(context.Context, id.ID) ([]byte, error) { return nil, errAway }

func (noKeys) KeysOf(context.Context, []id.ID) (map[id.ID][]byte, error) { return nil, errAway }

// Only what the gateway signed for this topic is decided, and only what the processor signed is an answer.
func TestForgeriesAreDeadLetters(t *testing.T) {
	w := newWay(t)
	charge := w.charge("k1", good, 1_000, true)
	other := w.charge("k2", good, 1_000, true)
	paymenttest.Send(t.Context(), t, w.store, &w.charges)
	records := w.charges.Take()
	require.Len(t, records, 2)
	stranger := w.keys.Signer("stranger")
	resigned := func(record *kgo.Record, key *command.Key, topic string) {
		mac := key.Sign(command.Record{Topic: topic, Key: record.Key, Body: record.Value[5:]})
		record.Headers = []kgo.RecordHeader{{Key: command.HeaderKey, Value: []byte(key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}}
	}
	for cause, change := range map[string]func(*kgo.Record){
		"NOT_FRAMED": func(r *kgo.Record) { r.Value = []byte("x") },
		"FORGED":     func(r *kgo.Record) { resigned(r, stranger, r.Topic) },
		"OTHER_KEY": func(r *kgo.Record) {
			r.Key = other.ID.Append(nil)
			resigned(r, w.keys.Signer(accept.Producer), r.Topic)
		},
		"UNREADABLE": func(r *kgo.Record) {
			r.Value = r.Value[:len(r.Value)-1]
			resigned(r, w.keys.Signer(accept.Producer), r.Topic)
		},
	} {
		forged := *records[0]
		forged.Value = bytes.Clone(forged.Value)
		change(&forged)
		letters, err := w.processor.Handle(t.Context(), []*kgo.Record{&forged})
		require.NoError(t, err)
		require.Len(t, letters, 1, cause)
		require.Equal(t, cause, letters[0].Cause)
		require.Same(t, &forged, letters[0].Record)
	}
	require.Empty(t, w.answers.Take())

	_, err := w.processor.Handle(t.Context(), records[:1])
	require.NoError(t, err)
	answers := w.answers.Take()
	forged := *answers[0]
	resigned(&forged, stranger, forged.Topic)
	moved := *answers[0]
	moved.Topic = accept.Topic
	_, err = w.results.Handle(t.Context(), []*kgo.Record{&forged, &moved, {Topic: processor.ResultTopic, Value: []byte("x")}})
	require.NoError(t, err)
	require.Equal(t, results.Stats{Unreadable: 3}, w.results.Stats())
	read, _ := w.read(paymenttest.Cafe, charge.ID)
	require.Equal(t, payment.Pending, read.State)
}

// FuzzHandle: whatever a record holds, it is a letter and not answered.
func FuzzHandle(f *testing.F) {
	f.Add([]byte("value"), []byte("key"), "payment-gateway-1", "mac")
	keys := paymenttest.Keys(f)
	var answers paymenttest.Topic
	processor := processor.New(processor.Config{Cards: noKeys{}, Publisher: &answers, Keys: keys, Now: time.Now})
	results := results.New(results.Config{Store: inmem.New(), Keys: keys, Logger: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, value, key []byte, keyID, mac string) {
		record := &kgo.Record{Topic: accept.Topic, Key: key, Value: value, Headers: []kgo.RecordHeader{
			{Key: command.HeaderKey, Value: []byte(keyID)}, {Key: command.HeaderMAC, Value: []byte(mac)},
		}}
		letters, err := processor.Handle(t.Context(), []*kgo.Record{record})
		require.NoError(t, err)
		require.Len(t, letters, 1)
		before := results.Stats().Unreadable
		_, err = results.Handle(t.Context(), []*kgo.Record{record})
		require.NoError(t, err)
		require.Equal(t, before+1, results.Stats().Unreadable)
	})
}
