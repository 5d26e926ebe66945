package audit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/schemas/event"
)

// The sums and the figures of an audit move with the events that move money, and with no other.
func TestAnAuditAddsUpWhatMovesMoney(t *testing.T) {
	digesters, err := newDigesters()
	require.NoError(t, err)
	for _, m := range event.Meanings() {
		for direction, sign := range map[event.Direction]int64{event.DirectionDebit: -1, event.DirectionCredit: 1, event.DirectionNone: 0} {
			if m.MovesMoney == (sign == 0) && !m.Pending {
				continue // A meaning without a movement has no direction.
			}
			for _, status := range []event.Status{event.StatusApproved, event.StatusDeclined, event.StatusApplied} {
				e := event.Transaction{Kind: m.Kind, Direction: direction, Status: status, AmountMinor: 7}
				want := int64(0)
				if m.MovesMoney && status == event.StatusApproved {
					want = 7 * sign
				}
				require.Equal(t, want, figuresOf(&e).movement, "%s of %s, %s, %s", m.Kind, m.Of, direction, status)
				held := int64(0)
				if status == event.StatusApproved {
					held = 7 * int64(m.HeldBy)
				}
				require.Equal(t, held, figuresOf(&e).setAside, "%s of %s, %s, %s", m.Kind, m.Of, direction, status)
				var sums totals
				r := digesters.record(&Copy{Event: e})
				sums.add(&r)
				var debits, credits Sum
				debits.Add(max(-want, 0))
				credits.Add(max(want, 0))
				require.Equal(t, []Sum{debits, credits}, sumOf(&sums), "%s of %s, %s, %s", m.Kind, m.Of, direction, status)
			}
		}
	}
}

func sumOf(t *totals) []Sum {
	if len(t.sums) == 0 {
		return []Sum{{}, {}}
	}
	return []Sum{t.sums[0].debits, t.sums[0].credits}
}
