package charge_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestABackoffDoublesUpToItsMostAndNeverStrikesTogether(t *testing.T) {
	b := charge.Backoff{First: time.Second, Most: time.Minute}
	for _, step := range []struct {
		tries int32
		most  time.Duration
	}{{-1, time.Second}, {0, time.Second}, {1, time.Second}, {2, 2 * time.Second}, {6, 32 * time.Second}, {7, time.Minute}, {1 << 30, time.Minute}} {
		seen := make(map[time.Duration]bool)
		for range 100 {
			wait := b.After(step.tries)
			require.LessOrEqual(t, wait, step.most)
			require.GreaterOrEqual(t, wait, step.most/2)
			seen[wait] = true
		}
		require.Greater(t, len(seen), 1)
	}
}

func TestLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	require.NoError(t, charge.Default().Check())
	for name, spoil := range map[string]func(*charge.Limits){
		"deadline":   func(l *charge.Limits) { l.Deadline = 0 },
		"try":        func(l *charge.Limits) { l.Try = -1 },
		"send-again": func(l *charge.Limits) { l.SendAgain = 0 },
		"batch":      func(l *charge.Limits) { l.Batch = 0 },
		"workers":    func(l *charge.Limits) { l.Workers = 0 },
		"poll":       func(l *charge.Limits) { l.Poll = 0 },
	} {
		limits := charge.Default()
		spoil(&limits)
		_, err := charge.New(charge.Config{Limits: limits})
		require.ErrorContains(t, err, name)
	}
}

// awayStore is a store that is away at first.
type awayStore struct {
	checkout.PendingCharges
	failures atomic.Int32
}

func (s *awayStore) Claim(ctx context.Context, now, until time.Time, limit int) ([]checkout.Order, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, fault.New(fault.Unavailable, "AWAY", "Away.")
	}
	return s.PendingCharges.Claim(ctx, now, until, limit)
}

func TestTheReconcilerWaitsForItsStoreAndTriesEveryOrderThatIsDue(t *testing.T) {
	const orders = 50
	memory := checkouttest.Batched(t, inmem.NewStore())
	bank := inmem.NewAcquirer(clock.System{})
	for i := range orders {
		order := checkouttest.Order(t, "shop", string(rune('a'+i)), time.Now().UTC())
		token, err := bank.CreateToken(t.Context(), checkouttest.Card(t, checkouttest.VisaNumber))
		require.NoError(t, err)
		order.PendingCharge.Token = token.Token
		_, _, err = memory.Create(t.Context(), order)
		require.NoError(t, err)
	}
	store := &awayStore{PendingCharges: memory}
	store.failures.Store(3)
	limits := checkouttest.Limits()
	limits.Poll = time.Millisecond
	charger, err := charge.New(charge.Config{
		Acquirer: bank, PendingCharges: store, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler), Limits: limits,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { charge.NewReconciler(charger).Run(ctx) })
	await.Until(t, func() bool { return len(bank.Kept()) == orders }, time.Minute, time.Millisecond)
	stop()
	running.Wait()
	backlog, err := charger.Backlog(t.Context())
	require.NoError(t, err)
	require.Zero(t, backlog.Open)
	require.Equal(t, charge.Stats{Sends: orders, Approved: orders}, charger.Stats())
}
