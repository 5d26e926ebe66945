package paymenttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/native/await"
	"codebank.dev/platform/id"
)

// claim returns what is claimed, by owner.
func (s *Subject) claim(t *testing.T, limit int, lease time.Duration) map[payment.Owner][]payment.Change {
	t.Helper()
	claimed, err := s.Publications.ClaimEvents(t.Context(), limit, lease)
	require.NoError(t, err)
	found := map[payment.Owner][]payment.Change{}
	for i := range claimed {
		owner := claimed[i].Event.Owner
		if before := found[owner]; len(before) > 0 {
			require.Equal(t, before[len(before)-1].Event.Sequence+1, claimed[i].Event.Sequence)
		}
		found[owner] = append(found[owner], claimed[i])
	}
	return found
}

func announced(t *testing.T, s *Subject) {
	ctx := t.Context()
	require.Empty(t, s.claim(t, 10, time.Hour))
	kept := s.accept(ctx, t, Acceptance(t, Cafe, "k1", false))
	rejected := s.accept(ctx, t, Acceptance(t, Cafe, "k2", true))
	s.accept(ctx, t, Acceptance(t, Other, "k1", true))
	asAccepted := s.claim(t, 10, 0)
	require.Len(t, asAccepted[Cafe], 2)

	s.apply(ctx, t, true, Approval(kept.ID, id.ID{}), Refusal(rejected.ID, id.ID{}))
	capture, _, err := s.Store.AcceptOperation(ctx, Operation(t, &kept, "c", Ask{payment.Capture, 300}))
	require.NoError(t, err)
	s.apply(ctx, t, true, Approval(kept.ID, capture.ID))

	// A claim that is not announced ends with its lease. What was told once is told again in the same words, although
	// the charges have changed since.
	all := s.claim(t, 10, 50*time.Millisecond)
	require.Equal(t, asAccepted[Cafe], all[Cafe][:2])
	require.Len(t, all[Cafe], 6)
	require.Len(t, all[Other], 1)
	require.Empty(t, s.claim(t, 10, time.Hour), "somebody has these owners")
	var again map[payment.Owner][]payment.Change
	await.Until(t, func() bool { again = s.claim(t, 4, time.Hour); return len(again) == 2 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, all[Cafe][:4], again[Cafe])
	requireTold(t, all[Cafe], kept.ID, capture.ID)

	// Told as far as the third event, then to the end; it never goes back.
	tell := func(owner payment.Owner, sequence int64) {
		require.NoError(t, s.Publications.Announce(ctx, []payment.Announced{{Owner: owner, Sequence: sequence}}))
	}
	tell(Cafe, 3)
	require.Equal(t, map[payment.Owner][]payment.Change{Cafe: all[Cafe][3:]}, s.claim(t, 10, time.Hour))
	tell(Cafe, 6)
	tell(Cafe, 2)
	tell(Other, 0)
	require.Equal(t, map[payment.Owner][]payment.Change{Other: all[Other]}, s.claim(t, 10, time.Hour))
	tell(Other, 1)
	require.Empty(t, s.claim(t, 10, time.Hour))
}

// requireTold checks what is told of a charge that was authorized and captured, and of one that was rejected.
func requireTold(t *testing.T, told []payment.Change, kept, capture id.ID) {
	t.Helper()
	for i := range told {
		p, happened := &told[i], &told[i].Event
		require.Equal(t, payment.CardOf("4111111111111111"), p.Charge.Card)
		require.Equal(t, Start, p.Charge.CreatedAt)
		require.Equal(t, happened.State == payment.Pending, p.Charge.DecidedAt.IsZero())
		require.Equal(t, happened.State == payment.Rejected, p.Charge.Rejection != payment.Rejection{})
		switch happened.Kind {
		case payment.OperationAccepted:
			require.Equal(t, payment.Open, p.Operation.Outcome)
			require.Zero(t, happened.Captured)
		case payment.OperationEnded:
			require.Equal(t, kept, p.Charge.ID)
			require.Equal(t, capture, p.Operation.ID)
			require.Equal(t, payment.Done, p.Operation.Outcome)
			require.EqualValues(t, 300, happened.Captured)
		default:
			require.Zero(t, p.Operation)
		}
	}
}
