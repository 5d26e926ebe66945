package paymenttest

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
)

// TestStore checks the promises of payment.Store and its neighbours on an empty subject for each of them.
func TestStore(t *testing.T, empty func(testing.TB) Subject) {
	for name, check := range map[string]func(*testing.T, *Subject){
		"a charge is accepted once for a key":                     acceptedOnce,
		"many calls under one key make one charge":                manyCalls,
		"a key names one request":                                 keyNamesOne,
		"a decision takes the key and the record away":            decided,
		"an operation is accepted once and ends once":             operated,
		"what is not the owner's is not there":                    walls,
		"pages are complete and the newest come first":            pages,
		"the events of an owner have no gaps, whoever comes when": gapless,
		"answers that meet are applied once":                      meeting,
		"figures are the owner's, and say what happened":          figures,
		"movements come by pages and add up to the balance":       movements,
		"an authorization is asked after when its time is over":   expires,
		"events are claimed in their order until they are told":   announced,
		"a payout takes from the balance until it fails":          paysOut,
		"a payout goes to the owner's account, and is his":        payoutWalls,
		"payouts that meet are never more than there is":          payoutsAtOnce,
		"whatever happens, all views agree":                       func(t *testing.T, s *Subject) { sequences(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			subject := empty(t)
			check(t, &subject)
		})
	}
}

func acceptedOnce(t *testing.T, s *Subject) {
	ctx := t.Context()
	a := Acceptance(t, Cafe, "k1", true)
	stored := s.accept(ctx, t, a)
	read, operations, err := s.Store.Charge(ctx, Cafe, stored.ID)
	require.NoError(t, err)
	require.Equal(t, stored, read)
	require.Empty(t, operations)
	require.Equal(t, a.Key, KeyOf(ctx, t, s.Keys, stored.ID))

	again := *a
	again.Charge.CreatedAt, again.Key = Start.Add(time.Hour), make([]byte, len(a.Key))
	repeated, known, err := s.Store.AcceptCharge(ctx, &again)
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, stored, repeated)
	require.Equal(t, []id.ID{stored.ID}, s.waiting(ctx, t))
	require.Equal(t, a.Key, KeyOf(ctx, t, s.Keys, stored.ID), "a repeat stores no key")

	s.apply(ctx, t, true, Approval(stored.ID, id.ID{}))
	repeated, known, err = s.Store.AcceptCharge(ctx, a)
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, payment.Approved, repeated.State)
	require.Equal(t, stored, repeated.AsAccepted())
}

func manyCalls(t *testing.T, s *Subject) {
	const callers = 100
	var group sync.WaitGroup
	answers := make(chan payment.Charge, callers)
	failures := make(chan error, callers)
	first := make(chan struct{}, callers)
	for range callers {
		group.Go(func() {
			stored, known, err := s.Store.AcceptCharge(t.Context(), Acceptance(t, Cafe, "one", true))
			switch {
			case errors.Is(err, payment.ErrRunning):
			case err != nil:
				failures <- err
			default:
				answers <- stored
				if !known {
					first <- struct{}{}
				}
			}
		})
	}
	group.Wait()
	close(answers)
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.Len(t, first, 1)
	want := Acceptance(t, Cafe, "one", true).Charge
	for answer := range answers {
		require.Equal(t, want, answer)
	}
	charges, err := s.Store.Charges(t.Context(), Cafe, payment.Page{Size: callers})
	require.NoError(t, err)
	require.Equal(t, []payment.Charge{want}, charges)
	events, err := EventsOf(s.Feed.Changes(t.Context(), Cafe, 0, callers))
	require.NoError(t, err)
	require.Len(t, events, 1)
}

func keyNamesOne(t *testing.T, s *Subject) {
	ctx := t.Context()
	a := Acceptance(t, Cafe, "k1", true)
	charge := s.accept(ctx, t, a)
	other := *a
	other.Fingerprint = Fingerprint("another request")
	_, _, err := s.Store.AcceptCharge(ctx, &other)
	require.ErrorIs(t, err, payment.ErrKeyReused)
	refund := Operation(t, &charge, "k1", Ask{payment.Refund, 1})
	refund.Fingerprint = Fingerprint("a refund")
	_, _, err = s.Store.AcceptOperation(ctx, refund)
	require.ErrorIs(t, err, payment.ErrKeyReused)

	s.apply(ctx, t, true, Approval(charge.ID, id.ID{}))
	_, _, err = s.Store.AcceptOperation(ctx, Operation(t, &charge, "k2", Ask{payment.Refund, 1}))
	require.NoError(t, err)
	_, _, err = s.Store.AcceptCharge(ctx, Acceptance(t, Cafe, "k2", true))
	require.ErrorIs(t, err, payment.ErrKeyReused)
	// Another owner's keys are others.
	s.accept(ctx, t, Acceptance(t, Other, "k1", true))
	s.accept(ctx, t, Acceptance(t, OtherMode, "k1", true))
}

func decided(t *testing.T, s *Subject) {
	ctx := t.Context()
	approved := s.accept(ctx, t, Acceptance(t, Cafe, "k1", true))
	rejected := s.accept(ctx, t, Acceptance(t, Cafe, "k2", true))
	open := s.accept(ctx, t, Acceptance(t, Cafe, "k3", false))
	s.apply(ctx, t, true, Refusal(rejected.ID, id.ID{}), Approval(approved.ID, id.ID{}))
	s.apply(ctx, t, false, Approval(rejected.ID, id.ID{}), Refusal(approved.ID, id.ID{}), Approval(id.ID{9}, id.ID{}), Approval(open.ID, id.ID{9}))
	for charge, state := range map[id.ID]payment.State{approved.ID: payment.Approved, rejected.ID: payment.Rejected} {
		read, _, err := s.Store.Charge(ctx, Cafe, charge)
		require.NoError(t, err)
		require.Equal(t, state, read.State)
		require.Equal(t, int64(2), read.Version)
		require.Nil(t, KeyOf(ctx, t, s.Keys, charge))
	}
	require.Equal(t, []id.ID{open.ID}, s.waiting(ctx, t))
	keys, err := s.Keys.KeysOf(ctx, []id.ID{open.ID, approved.ID, {9}})
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.Len(t, keys[open.ID], 32)
	s.apply(ctx, t, true, Approval(open.ID, id.ID{}))
	read, _, err := s.Store.Charge(ctx, Cafe, open.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Authorized, read.State)
	require.Equal(t, Start.Add(time.Hour), read.ExpiresAt)
	require.Empty(t, s.waiting(ctx, t))
}

func operated(t *testing.T, s *Subject) {
	ctx := t.Context()
	charge := s.accept(ctx, t, Acceptance(t, Cafe, "k1", false))
	_, _, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "early", Ask{payment.Capture, 0}))
	require.ErrorIs(t, err, payment.ErrPending)
	s.apply(ctx, t, true, Approval(charge.ID, id.ID{}))
	capture, known, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "c", Ask{payment.Capture, 300}))
	require.NoError(t, err)
	require.False(t, known)
	repeated, known, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "c", Ask{payment.Capture, 300}))
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, capture, repeated)
	_, _, err = s.Store.AcceptOperation(ctx, Operation(t, &charge, "v", Ask{payment.Void, 0}))
	require.ErrorIs(t, err, payment.ErrEnding)
	require.Equal(t, []id.ID{capture.ID}, s.waiting(ctx, t))

	s.apply(ctx, t, true, Approval(charge.ID, capture.ID))
	s.apply(ctx, t, false, Refusal(charge.ID, capture.ID))
	repeated, known, err = s.Store.AcceptOperation(ctx, Operation(t, &charge, "c", Ask{payment.Capture, 300}))
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, payment.Done, repeated.Outcome)
	require.Equal(t, capture, repeated.AsAccepted())
	require.Empty(t, s.waiting(ctx, t))

	// Two refunds are under way at once, and no third one fits.
	one, _, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "r1", Ask{payment.Refund, 100}))
	require.NoError(t, err)
	two, _, err := s.Store.AcceptOperation(ctx, Operation(t, &charge, "r2", Ask{payment.Refund, 0}))
	require.NoError(t, err)
	require.Equal(t, int64(200), two.Amount.Minor)
	_, _, err = s.Store.AcceptOperation(ctx, Operation(t, &charge, "r3", Ask{payment.Refund, 1}))
	require.ErrorIs(t, err, payment.ErrAmount)
	s.apply(ctx, t, true, Refusal(charge.ID, two.ID), Approval(charge.ID, one.ID))
	read, operations, err := s.Store.Charge(ctx, Cafe, charge.ID)
	require.NoError(t, err)
	require.Equal(t, int64(100), read.Refunded)
	require.Equal(t, int64(200), read.Refundable())
	require.Len(t, operations, 3)
}

func walls(t *testing.T, s *Subject) {
	ctx := t.Context()
	charge := s.accept(ctx, t, Acceptance(t, Cafe, "k1", true))
	s.apply(ctx, t, true, Approval(charge.ID, id.ID{}))
	for _, owner := range []payment.Owner{Other, OtherMode} {
		_, _, err := s.Store.Charge(ctx, owner, charge.ID)
		require.ErrorIs(t, err, payment.ErrNoCharge)
		stranger := Operation(t, &charge, "k2", Ask{payment.Refund, 1})
		stranger.Owner = owner
		_, _, err = s.Store.AcceptOperation(ctx, stranger)
		require.ErrorIs(t, err, payment.ErrNoCharge)
		charges, err := s.Store.Charges(ctx, owner, payment.Page{Size: 10})
		require.NoError(t, err)
		require.Empty(t, charges)
		events, err := EventsOf(s.Feed.Changes(ctx, owner, 0, 10))
		require.NoError(t, err)
		require.Empty(t, events)
	}
}

func pages(t *testing.T, s *Subject) {
	ctx := t.Context()
	const charges, size = 25, 4
	for i := range charges {
		a := Acceptance(t, Cafe, "k"+strconv.Itoa(i), true)
		a.Charge.CreatedAt = Start.Add(time.Duration(i/5) * time.Second)
		a.Charge.ChangedAt = a.Charge.CreatedAt
		s.accept(ctx, t, a)
		if i%3 == 0 {
			s.apply(ctx, t, true, Refusal(a.Charge.ID, id.ID{}))
		}
	}
	at := func(seconds int) time.Time { return Start.Add(time.Duration(seconds) * time.Second) }
	for _, rule := range []struct {
		page payment.Page
		want int
	}{
		{payment.Page{}, charges}, {payment.Page{State: payment.Rejected}, 9}, {payment.Page{State: payment.Pending}, 16}, {payment.Page{State: payment.Voided}, 0},
		{payment.Page{From: at(1)}, 20}, {payment.Page{To: at(1)}, 5}, {payment.Page{From: at(1), To: at(3)}, 10}, {payment.Page{From: at(3), To: at(1)}, 0},
		{payment.Page{From: at(1), To: at(2), State: payment.Rejected}, 2}, {payment.Page{From: at(9)}, 0}, {payment.Page{To: at(-1)}, 0},
		{payment.Page{From: at(4).Add(time.Millisecond)}, 0}, {payment.Page{To: at(0).Add(time.Millisecond)}, 5},
	} {
		page, want := rule.page, rule.want
		page.Size = size
		seen := map[id.ID]bool{}
		for {
			found, err := s.Store.Charges(ctx, Cafe, page)
			require.NoError(t, err)
			if len(found) == 0 {
				break
			}
			for i := range found {
				require.False(t, seen[found[i].ID])
				seen[found[i].ID] = true
				if page.After != nil {
					require.LessOrEqual(t, found[i].CreatedAt.UnixMicro(), page.After.CreatedAtMicros)
				}
				page.After = &payment.Place{CreatedAtMicros: found[i].CreatedAt.UnixMicro(), ID: found[i].ID}
			}
		}
		require.Len(t, seen, want)
	}
}

func gapless(t *testing.T, s *Subject) {
	const callers, each = 8, 6
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range each {
				owner := []payment.Owner{Cafe, Other, OtherMode}[i%3]
				a := Acceptance(t, owner, strconv.Itoa(caller)+"-"+strconv.Itoa(i), true)
				stored, _, err := s.Store.AcceptCharge(t.Context(), a)
				if err == nil {
					_, err = s.Store.Apply(t.Context(), []payment.Result{Approval(stored.ID, id.ID{})})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	for _, owner := range []payment.Owner{Cafe, Other, OtherMode} {
		after := int64(0)
		for {
			events, err := EventsOf(s.Feed.Changes(t.Context(), owner, after, 3))
			require.NoError(t, err)
			for i := range events {
				after++
				require.Equal(t, after, events[i].Sequence)
			}
			if len(events) == 0 {
				break
			}
		}
		require.Equal(t, int64(callers*each/3*2), after)
	}
}

// meeting applies the same answers at once in different orders.
func meeting(t *testing.T, s *Subject) {
	const charges, appliers = 12, 4
	var answers []payment.Result
	for i := range charges {
		owner := []payment.Owner{Cafe, Other}[i%2]
		stored := s.accept(t.Context(), t, Acceptance(t, owner, "k"+strconv.Itoa(i), true))
		answers = append(answers, Approval(stored.ID, id.ID{}))
	}
	var group sync.WaitGroup
	counts := make([]int, appliers)
	for applier := range appliers {
		group.Go(func() {
			order := slices.Clone(answers)
			rand.Shuffle(charges, func(i, j int) { order[i], order[j] = order[j], order[i] })
			applied, err := s.Store.Apply(t.Context(), order)
			if err != nil {
				t.Error(err)
			}
			counts[applier] = len(applied)
		})
	}
	group.Wait()
	require.ElementsMatch(t, []int{charges, 0, 0, 0}, counts)
	for _, owner := range []payment.Owner{Cafe, Other} {
		events, err := EventsOf(s.Feed.Changes(t.Context(), owner, 0, 10*charges))
		require.NoError(t, err)
		require.Len(t, events, charges)
	}
}
