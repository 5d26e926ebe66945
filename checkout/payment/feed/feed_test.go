package feed_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/feed"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/native/await"
)

// source counts the questions, and fails while it is away.
type source struct {
	*inmem.Store
	polls atomic.Int64
	away  atomic.Bool
}

var errAway = errors.New("away")

func (s *source) Newest(ctx context.Context, owners []payment.Owner) (map[payment.Owner]int64, error) {
	s.polls.Add(1)
	if s.away.Load() {
		return nil, errAway
	}
	return s.Store.Newest(ctx, owners)
}

func (s *source) Changes(ctx context.Context, owner payment.Owner, after int64, limit int) ([]payment.Change, error) {
	if s.away.Load() {
		return nil, errAway
	}
	return s.Store.Changes(ctx, owner, after, limit)
}

// start returns a running hub over an empty store.
func start(t *testing.T, config feed.Config) (*source, *feed.Hub) {
	t.Helper()
	from := &source{Store: inmem.New()}
	config.Source = from
	hub := feed.New(config)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { hub.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return from, hub
}

func join(t *testing.T, hub *feed.Hub, owner payment.Owner) *feed.Reader {
	t.Helper()
	reader, err := hub.Join(owner)
	require.NoError(t, err)
	t.Cleanup(reader.Close)
	return reader
}

func accept(t *testing.T, store payment.Store, owner payment.Owner, key string) {
	t.Helper()
	_, _, err := store.AcceptCharge(t.Context(), paymenttest.Acceptance(t, owner, key, true))
	require.NoError(t, err)
}

// read reads until the reader has seen a sequence, each event once and in its order.
func read(t *testing.T, reader *feed.Reader, from, to int64) {
	t.Helper()
	for from < to {
		changes, err := reader.Next(t.Context(), 3)
		require.NoError(t, err)
		for i := range changes {
			from++
			require.Equal(t, from, changes[i].Event.Sequence)
		}
		if len(changes) > 0 {
			continue
		}
		select {
		case <-reader.Woken():
		case <-time.After(10 * time.Second):
			t.Fatal("nobody wakes the reader")
		}
	}
}

// A commit of this process wakes at once, however rare the polls are.
func TestACommitWakesItsReaders(t *testing.T) {
	from, hub := start(t, feed.Config{PollEvery: time.Hour})
	store := hub.Waking(from.Store)
	one, two, other := join(t, hub, paymenttest.Cafe), join(t, hub, paymenttest.Cafe), join(t, hub, paymenttest.Other)
	const n = 20
	go func() {
		for i := range n {
			accept(t, store, paymenttest.Cafe, "k"+strconv.Itoa(i))
		}
	}()
	read(t, one, 0, n)
	read(t, two, 0, n)
	late := join(t, hub, paymenttest.Cafe)
	late.GoOn(n - 1)
	read(t, late, n-1, n)
	select {
	case <-other.Woken():
		t.Fatal("another merchant's events wake nobody")
	default:
	}
}

// What another process commits is seen by a poll, also after the store was away.
func TestAnotherProcessIsSeenByAPoll(t *testing.T) {
	from, hub := start(t, feed.Config{PollEvery: 10 * time.Millisecond})
	reader := join(t, hub, paymenttest.Cafe)
	accept(t, from.Store, paymenttest.Cafe, "one")
	read(t, reader, 0, 1)
	from.away.Store(true)
	accept(t, from.Store, paymenttest.Cafe, "two")
	_, err := reader.Next(t.Context(), 1)
	require.ErrorIs(t, err, errAway)
	before := from.polls.Load()
	await.Until(t, func() bool { return from.polls.Load() > before+1 }, 10*time.Second, time.Millisecond)
	from.away.Store(false)
	read(t, reader, 1, 2)
}

// While nobody reads, nothing is asked; many readers are one question.
func TestThereIsOneQuestionForAllReaders(t *testing.T) {
	from, hub := start(t, feed.Config{PollEvery: time.Millisecond, MaxReadersOfOwner: 100})
	hub.Wake()
	require.Never(t, func() bool { return from.polls.Load() > 0 }, 50*time.Millisecond, 5*time.Millisecond)
	for range 50 {
		join(t, hub, paymenttest.Cafe)
	}
	begin := time.Now()
	await.Until(t, func() bool { return from.polls.Load() >= 5 }, 10*time.Second, time.Millisecond)
	require.LessOrEqual(t, from.polls.Load(), int64(time.Since(begin)/(20*time.Millisecond))+6, "the questions do not grow with the readers")
}

func TestReadersAreBounded(t *testing.T) {
	_, hub := start(t, feed.Config{MaxReaders: 3, MaxReadersOfOwner: 2})
	first := join(t, hub, paymenttest.Cafe)
	join(t, hub, paymenttest.Cafe)
	_, err := hub.Join(paymenttest.Cafe)
	require.ErrorIs(t, err, feed.ErrTooMany)
	join(t, hub, paymenttest.Other)
	_, err = hub.Join(paymenttest.OtherMode)
	require.ErrorIs(t, err, feed.ErrTooMany)
	first.Close()
	first.Close()
	require.Equal(t, 2, hub.Readers())
	join(t, hub, paymenttest.OtherMode)
}
