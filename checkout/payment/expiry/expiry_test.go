package expiry_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/expiry"
	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// store is charges in memory that may be away.
type store struct {
	*inmem.Store
	away bool
}

func (s *store) AskExpiries(ctx context.Context, now time.Time, limit int, ask func(payment.Charge) (outbox.Row, error)) (int, error) {
	if s.away {
		return 0, errors.New("away")
	}
	return s.Store.AskExpiries(ctx, now, limit, ask)
}

// A round asks after all whose time is over, in pages, and what a database kept it from is done in the next one.
func TestARoundAsksAfterAllWhoseTimeIsOver(t *testing.T) {
	s := &store{Store: inmem.New()}
	now := paymenttest.Start
	const charges = 600
	for i := range charges {
		a := paymenttest.Acceptance(t, paymenttest.Cafe, "k"+strconv.Itoa(i), false)
		_, _, err := s.AcceptCharge(t.Context(), a)
		require.NoError(t, err)
		_, err = s.Apply(t.Context(), []payment.Result{paymenttest.Approval(a.Charge.ID, id.ID{})})
		require.NoError(t, err)
	}
	woken := 0
	worker := expiry.New(expiry.Config{
		Store: s, Now: func() time.Time { return now }, Wake: func() { woken++ },
		Record: func(c payment.Charge) (outbox.Row, error) { return outbox.Row{ID: payment.ExpiryID(c.ID)}, nil },
	})
	worker.Round(t.Context())
	require.Equal(t, expiry.Stats{}, worker.Stats())
	now = now.Add(time.Hour)
	s.away = true
	worker.Round(t.Context())
	worker.Round(t.Context())
	require.Equal(t, expiry.Stats{Failed: 2}, worker.Stats())
	s.away = false
	worker.Round(t.Context())
	require.Equal(t, expiry.Stats{Asked: charges, Failed: 2}, worker.Stats())
	require.Equal(t, 3, woken)
	worker.Round(t.Context())
	require.Equal(t, int64(charges), worker.Stats().Asked)
}

// Run begins a round at each tick, and ends with its context.
func TestRunEndsWithItsContext(t *testing.T) {
	tick := make(chan time.Time)
	worker := expiry.New(expiry.Config{Store: &store{Store: inmem.New(), away: true}, Now: time.Now, Tick: tick})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		worker.Run(ctx)
	}()
	tick <- time.Now()
	tick <- time.Now()
	cancel()
	<-ended
	require.Positive(t, worker.Stats().Failed)
}
