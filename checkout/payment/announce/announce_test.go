package announce_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/native/await"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

var errAway = errors.New("away")

// broker is a topic that takes what comes before a failure, as a partition does, and loses acknowledgements.
type broker struct {
	paymenttest.Topic
	mutex sync.Mutex
	// fails is in how many of a hundred batches something fails.
	fails int
	calls int
}

func (b *broker) Publish(ctx context.Context, rows []outbox.Row) []error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.calls++
	if rand.IntN(100) >= b.fails {
		return b.Topic.Publish(ctx, rows)
	}
	taken, acknowledged := rand.IntN(len(rows)+1), 0
	if taken > 0 {
		acknowledged = rand.IntN(taken)
	}
	errs := b.Topic.Publish(ctx, rows[:taken])[:acknowledged]
	for range len(rows) - acknowledged {
		errs = append(errs, errAway)
	}
	return errs
}

func (b *broker) set(fails int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.fails = fails
}

func run(t *testing.T, config announce.Config) (relay *announce.Relay, stop func()) {
	t.Helper()
	config.Poll = time.Millisecond
	relay = announce.New(config)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		relay.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return relay, stop
}

func decode(t *testing.T, record *kgo.Record) command.ChargeEvent {
	t.Helper()
	require.Equal(t, announce.Topic, record.Topic)
	require.Empty(t, record.Headers)
	_, body, err := event.ParseFrame(record.Value)
	require.NoError(t, err)
	decoder, err := command.NewDecoder[command.ChargeEvent]("")
	require.NoError(t, err)
	read, err := decoder.Decode(body)
	require.NoError(t, err)
	require.Equal(t, read.MerchantID+"/"+read.Mode, string(record.Key))
	return read
}

// A failure anywhere, acknowledgements that are lost and a second relay lose no event, put none in front of its
// predecessors, and change none.
func TestEveryEventIsPublishedInItsOrderWhateverFails(t *testing.T) {
	store, topic := inmem.New(), &broker{fails: 40}
	for range 2 {
		run(t, announce.Config{Store: store, Publisher: topic, Batch: 7})
	}
	const charges = 60
	owners := []payment.Owner{paymenttest.Cafe, paymenttest.Other, paymenttest.OtherMode}
	for i := range charges {
		stored, _, err := store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, owners[i%3], strconv.Itoa(i), true))
		require.NoError(t, err)
		_, err = store.Apply(t.Context(), []payment.Result{paymenttest.Approval(stored.ID, id.ID{})})
		require.NoError(t, err)
	}
	topic.set(10)
	next, contents := map[string]int64{}, map[string]command.ChargeEvent{}
	await.Until(t, func() bool {
		for _, record := range topic.Take() {
			read := decode(t, record)
			if before, known := contents[read.EventID]; known {
				require.Equal(t, before, read, "an event_id never comes with other content")
				continue
			}
			contents[read.EventID] = read
			next[string(record.Key)]++
			require.Equal(t, next[string(record.Key)], read.Sequence)
		}
		return len(contents) == 2*charges
	}, time.Minute, time.Millisecond)
}

func TestAnOutageIsSaidAndEnds(t *testing.T) {
	store, topic := inmem.New(), new(broker)
	topic.Away = errAway
	relay, stop := run(t, announce.Config{Store: store, Publisher: topic})
	_, _, err := store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, paymenttest.Cafe, "k1", true))
	require.NoError(t, err)
	await.Until(t, func() bool { return relay.Stats().Away }, time.Minute, time.Millisecond)
	stop()
	require.Empty(t, topic.Take())
	require.Zero(t, relay.Stats().Published)

	topic.Away = nil
	relay, _ = run(t, announce.Config{Store: store, Publisher: topic})
	await.Until(t, func() bool { return relay.Stats().Published == 1 }, time.Minute, time.Millisecond)
	require.False(t, relay.Stats().Away)
	require.Len(t, topic.Take(), 1)
}

// What is told of a charge that is authorized, captured, given back in part and refused the rest.
func TestAnEventSaysWhatHappened(t *testing.T) {
	store, topic := inmem.New(), new(broker)
	ctx := t.Context()
	charge, _, err := store.AcceptCharge(ctx, paymenttest.Acceptance(t, paymenttest.OtherMode, "k1", false))
	require.NoError(t, err)
	apply := func(answer payment.Result) {
		_, err := store.Apply(ctx, []payment.Result{answer})
		require.NoError(t, err)
	}
	operate := func(key string, ask paymenttest.Ask) id.ID {
		operation, _, err := store.AcceptOperation(ctx, paymenttest.Operation(t, &charge, key, ask))
		require.NoError(t, err)
		return operation.ID
	}
	apply(paymenttest.Approval(charge.ID, id.ID{}))
	capture := operate("c", paymenttest.Ask{Kind: payment.Capture})
	apply(paymenttest.Approval(charge.ID, capture))
	refund := operate("r", paymenttest.Ask{Kind: payment.Refund, AmountMinor: 200})
	apply(paymenttest.Refusal(charge.ID, refund))

	relay, _ := run(t, announce.Config{Store: store, Publisher: topic})
	await.Until(t, func() bool { return relay.Stats().Published == 6 }, time.Minute, time.Millisecond)
	var read []command.ChargeEvent
	for _, record := range topic.Take() {
		read = append(read, decode(t, record))
	}
	accepted, asked := paymenttest.Start.UnixMilli(), paymenttest.Start.Add(time.Minute).UnixMilli()
	decided := accepted + 1000
	want := command.ChargeEvent{
		EventID: charge.ID.String() + "/1", MerchantID: "cafe", Mode: "LIVE", Sequence: 1, Kind: "CHARGE_ACCEPTED", ChargeID: charge.ID.String(), Version: 1,
		Status: "PENDING", AmountMinor: paymenttest.Minor, Currency: "BRL", CardBrand: "VISA", CardLast4: "1111", OperationKind: "NONE", OperationStatus: "NONE",
		AcceptedAtMillis: accepted, OccurredAtMillis: accepted,
	}
	wanted := []command.ChargeEvent{want}
	next := func(change func(*command.ChargeEvent)) {
		want.Sequence, want.Version = want.Sequence+1, want.Version+1
		want.EventID = charge.ID.String() + "/" + strconv.FormatInt(want.Version, 10)
		change(&want)
		wanted = append(wanted, want)
	}
	next(func(e *command.ChargeEvent) {
		e.Kind, e.Status, e.DecidedAtMillis, e.DecisionMillis, e.OccurredAtMillis = "CHARGE_DECIDED", "AUTHORIZED", decided, 1000, decided
	})
	next(func(e *command.ChargeEvent) {
		e.Kind, e.DecisionMillis, e.OccurredAtMillis = "OPERATION_ACCEPTED", 0, asked
		e.OperationID, e.OperationKind, e.OperationStatus, e.OperationAmountMinor = capture.String(), "CAPTURE", "PENDING", paymenttest.Minor
	})
	next(func(e *command.ChargeEvent) {
		e.Kind, e.Status, e.OperationStatus, e.CapturedMinor = "OPERATION_ENDED", "APPROVED", "DONE", paymenttest.Minor
	})
	next(func(e *command.ChargeEvent) {
		e.Kind, e.OperationID, e.OperationKind, e.OperationStatus, e.OperationAmountMinor = "OPERATION_ACCEPTED", refund.String(), "REFUND", "PENDING", 200
	})
	next(func(e *command.ChargeEvent) {
		e.Kind, e.OperationStatus, e.Code, e.Reason = "OPERATION_ENDED", "REFUSED", "51", "INSUFFICIENT_FUNDS"
	})
	require.Equal(t, wanted, read)
}
