package kafka

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/schemas/event"
)

// The bank does with each kind what the contract of its events says.
func TestBankAndSchemaGiveAKindTheSameMeaning(t *testing.T) {
	var meanings []event.Meaning
	for _, r := range bank.AllRules() {
		m := event.Meaning{
			Kind: event.Kind(r.Kind.String()), MovesMoney: r.Moves, HeldBy: int(r.Held), Line: r.Line == bank.PostedLine, Pending: r.Line == bank.PendingLine,
			Payment: r.Kind == bank.KindPurchase || r.Kind == bank.KindHold,
		}
		if r.Of != 0 {
			m.Of = event.Kind(r.Of.String())
		}
		meanings = append(meanings, m)
	}
	require.Equal(t, event.Meanings(), meanings)
}
