package postgres_test

import (
	"slices"

	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is the statement of one account as a plain list of what has arrived.
type model struct {
	events  []event.Transaction // by sequence, from 1
	waiting []int               // indices of events that have not arrived, in order of arrival
	arrived map[int64]*event.Transaction
}

// newModel draws the life of an account and the order in which its events arrive.
func newModel(t *rapid.T, account string) *model {
	m := &model{arrived: map[int64]*event.Transaction{}}
	balance, held, limit := int64(0), int64(0), int64(100_000)
	for sequence := int64(1); sequence <= rapid.Int64Range(1, 25).Draw(t, "events"); sequence++ {
		e := statementtest.Purchase(account, sequence)
		e.AmountMinor = rapid.Int64Range(1, 500).Draw(t, "amount")
		switch rapid.SampledFrom([]string{"purchase", "decline", "reversal", "limit", "hold"}).Draw(t, "kind") {
		case "purchase":
			balance -= e.AmountMinor
		case "decline":
			e.Status, e.DeclineCode = "DECLINED", "51"
		case "reversal":
			e.Kind, e.Direction = "REVERSAL", "CREDIT"
			balance += e.AmountMinor
		case "limit":
			e.Kind, e.Direction, e.Status = "LIMIT_CHANGE", "NONE", "APPLIED"
			limit, e.AmountMinor = 1000*e.AmountMinor, 0
		case "hold":
			e.Kind = "HOLD"
			held += e.AmountMinor
		}
		e.BalanceAfterMinor, e.HeldAfterMinor, e.CreditLimitMinor = event.Some(balance), event.Some(held), event.Some(limit)
		m.events = append(m.events, e)
		m.waiting = append(m.waiting, int(sequence-1))
	}
	m.waiting = rapid.Permutation(m.waiting).Draw(t, "order")
	return m
}

// arrive writes the next few events, and some that have arrived before.
func (m *model) arrive(t *rapid.T, sink *statementtest.Sink) {
	var batch []event.Transaction
	for range min(len(m.waiting), rapid.IntRange(1, 10).Draw(t, "batch")) {
		e := &m.events[m.waiting[0]]
		m.waiting = m.waiting[1:]
		m.arrived[e.Sequence.Value] = e
		batch = append(batch, *e)
	}
	for range rapid.IntRange(0, 2).Draw(t, "repeats") {
		again := m.events[rapid.IntRange(0, len(m.events)-1).Draw(t, "again")]
		if m.arrived[again.Sequence.Value] != nil {
			batch = append(batch, again)
		}
	}
	sink.Write(t, batch...)
}

// check compares the first page and its state with the model.
func (m *model) check(t *rapid.T, page statement.Page) {
	completeTo := int64(0)
	for m.arrived[completeTo+1] != nil {
		completeTo++
	}
	want := statement.State{Account: page.State.Account, CompleteTo: completeTo, Currency: "BRL"}
	if e := m.arrived[completeTo]; e != nil {
		want.CompleteToTime = e.OccurredAt()
		want.Balance, want.Held, want.CreditLimit = e.BalanceAfterMinor.Value, e.HeldAfterMinor.Value, e.CreditLimitMinor.Value
	}
	require.Equal(t, want, page.State)
	var shown []int64
	for sequence, e := range m.arrived {
		if e.Status == "APPROVED" && e.Kind != "HOLD" {
			shown = append(shown, sequence)
		}
	}
	slices.Sort(shown)
	slices.Reverse(shown)
	require.Equal(t, append([]int64{}, shown[:len(page.Lines)]...), sequences(page))
	require.Equal(t, len(shown) > len(page.Lines), page.Next != 0)
}
