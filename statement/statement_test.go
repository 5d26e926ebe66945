package statement_test

import (
	"math"
	"testing"

	"codebank.dev/platform/money"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"github.com/stretchr/testify/require"
)

func TestALineIsShownWhenItWasApprovedAndMovedMoney(t *testing.T) {
	for _, kind := range []string{"PURCHASE", "REVERSAL", "DEPOSIT", "WITHDRAWAL", "TRANSFER", "CAPTURE", "VOID", "PIX_OUT", "PIX_IN", "PIX_RETURN", "A_KIND_TO_COME"} {
		for _, direction := range []string{"DEBIT", "CREDIT"} {
			line := statement.Line{Kind: kind, Direction: direction, Status: "APPROVED"}
			require.True(t, line.Shown(), line)
			line.Status = "DECLINED"
			require.False(t, line.Shown(), line)
			line.Status, line.Direction = "APPROVED", "NONE"
			require.False(t, line.Shown(), line)
		}
	}
	for _, kind := range []string{"OPENING", "LIMIT_CHANGE", "HOLD", "EXPIRY"} {
		for _, status := range []string{"APPROVED", "APPLIED", "DECLINED", "UNKNOWN"} {
			line := statement.Line{Kind: kind, Direction: "DEBIT", Status: status}
			require.False(t, line.Shown(), line)
		}
	}
}

func TestAvailableIsCheckedArithmetic(t *testing.T) {
	available, err := statement.State{Balance: -300, Held: 50, CreditLimit: 1000}.Available()
	require.NoError(t, err)
	require.Equal(t, int64(650), available)
	for _, state := range []statement.State{
		{Balance: math.MinInt64, Held: 1},
		{Balance: math.MaxInt64, CreditLimit: 1},
	} {
		_, err := state.Available()
		require.ErrorIs(t, err, money.ErrOverflow)
	}
}

// The statement shows what moved money by the meanings of the kinds of events.
func TestAKindIsALineAsItsMeaningSays(t *testing.T) {
	for _, m := range event.Meanings() {
		require.Equal(t, m.MovesMoney, m.Line, "%s of %s", m.Kind, m.Of)
		directions := []event.Direction{event.DirectionNone}
		switch {
		case m.MovesMoney:
			directions = []event.Direction{event.DirectionDebit, event.DirectionCredit}
		case m.Pending:
			directions = []event.Direction{event.DirectionDebit, event.DirectionNone}
		}
		for _, direction := range directions {
			for _, status := range []event.Status{event.StatusApproved, event.StatusDeclined, event.StatusApplied} {
				line := statement.Line{Kind: string(m.Kind), Direction: string(direction), Status: string(status)}
				require.Equal(t, m.Line && status == event.StatusApproved, line.Shown(), "%s of %s: %+v", m.Kind, m.Of, line)
			}
		}
	}
}
