package paymenttest

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// expires asks after an authorization when its time is over, from several replicas at once.
func expires(t *testing.T, s *Subject) {
	ctx := t.Context()
	charge := s.accept(ctx, t, Acceptance(t, OtherMode, "k1", false))
	const purchase = "purchases/0d8bb1d1-6f56-4c22-9c0b-55d9b3f8a1e2"
	approval := Approval(charge.ID, id.ID{})
	approval.Decision.Purchase = purchase
	s.apply(ctx, t, true, approval)
	over := Start.Add(time.Hour)
	require.Empty(t, s.ask(ctx, t, over.Add(-time.Millisecond)))

	const replicas = 4
	var group sync.WaitGroup
	asked := make([][]id.ID, replicas)
	for i := range replicas {
		group.Go(func() { asked[i] = s.ask(ctx, t, over) })
	}
	group.Wait()
	total := 0
	for _, one := range asked {
		total += len(one)
	}
	require.Equal(t, 1, total)
	question := payment.ExpiryID(charge.ID)
	require.Equal(t, []id.ID{question}, s.waiting(ctx, t))

	// The answer that it has not ended takes the record away, and a later question stores it again, once.
	s.apply(ctx, t, false, Lapse(charge.ID, false))
	require.Empty(t, s.waiting(ctx, t))
	require.Empty(t, s.ask(ctx, t, over.Add(payment.ExpiryRepeat-time.Millisecond)))
	for i := range 2 {
		require.Len(t, s.ask(ctx, t, over.Add(time.Duration(i+1)*payment.ExpiryRepeat)), 1)
		require.Equal(t, []id.ID{question}, s.waiting(ctx, t))
	}

	// A capture that is accepted meanwhile is answered first, and its answer says what became of the charge.
	capture, _, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "c", Ask{payment.Capture, 0}))
	require.NoError(t, err)
	s.apply(ctx, t, false, Lapse(charge.ID, true))
	require.Empty(t, s.ask(ctx, t, over.Add(time.Hour)), "a capture is under way")
	late := Refusal(charge.ID, capture.ID)
	late.Decision.Lapsed = true
	s.apply(ctx, t, true, late)
	read, operations, err := s.Store.Charge(ctx, OtherMode, charge.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Expired, read.State)
	require.Equal(t, purchase, read.Purchase)
	require.Equal(t, payment.Refused, operations[0].Outcome)
	s.apply(ctx, t, false, Lapse(charge.ID, true), late)
	require.Empty(t, s.waiting(ctx, t))
	require.Empty(t, s.ask(ctx, t, over.Add(2*time.Hour)))
	events, err := EventsOf(s.Feed.Changes(ctx, OtherMode, 0, 10))
	require.NoError(t, err)
	var kinds []payment.EventKind
	for i := range events {
		kinds = append(kinds, events[i].Kind)
	}
	require.Equal(t, []payment.EventKind{
		payment.ChargeAccepted, payment.ChargeDecided, payment.OperationAccepted, payment.OperationEnded, payment.ChargeExpired,
	}, kinds)
}
