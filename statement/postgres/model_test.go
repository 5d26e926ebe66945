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
	// endings are by the sequences of holds: the events that end each. A capture of a part and the release
	// of its rest are two events, and either of them tells that the hold has ended.
	endings map[int64][]int64
}

// newModel draws the life of an account and the order in which its events arrive.
func newModel(t *rapid.T, account string) *model {
	m := &model{arrived: map[int64]*event.Transaction{}, endings: map[int64][]int64{}}
	var pending []event.Transaction // holds
	release := int64(0)             // what the next event releases, after the capture of a part
	captured := int64(0)            // the sequence of the hold whose part was captured
	balance, held, limit := int64(0), int64(0), int64(100_000)
	for sequence := int64(1); sequence <= rapid.Int64Range(1, 25).Draw(t, "events"); sequence++ {
		e := statementtest.Purchase(account, sequence)
		e.AmountMinor = rapid.Int64Range(1, 500).Draw(t, "amount")
		kind := rapid.SampledFrom([]string{"purchase", "decline", "reversal", "limit", "hold", "hold", "capture", "void", "expiry"}).Draw(t, "kind")
		if release > 0 {
			kind = "rest"
		}
		if len(pending) == 0 && (kind == "capture" || kind == "void" || kind == "expiry") {
			kind = "hold"
		}
		switch kind {
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
			e.Kind, e.HoldID = "HOLD", e.TransactionID
			held += e.AmountMinor
			pending = append(pending, e)
		case "rest":
			e.Kind, e.Direction, e.AmountMinor, e.OriginalTransactionID = "VOID", "NONE", release, m.events[sequence-2].OriginalTransactionID
			held, release = held-release, 0
			m.endings[captured] = append(m.endings[captured], sequence)
		default:
			i := rapid.IntRange(0, len(pending)-1).Draw(t, "which")
			hold := pending[i]
			pending = slices.Delete(pending, i, i+1)
			m.endings[hold.Sequence.Value] = []int64{sequence}
			e.OriginalTransactionID, e.HoldID, e.AmountMinor = hold.TransactionID, hold.TransactionID, hold.AmountMinor
			switch kind {
			case "capture":
				e.Kind, e.AmountMinor = "CAPTURE", rapid.Int64Range(1, hold.AmountMinor).Draw(t, "captured")
				release, captured = hold.AmountMinor-e.AmountMinor, hold.Sequence.Value
				balance -= e.AmountMinor
			case "void":
				e.Kind, e.Direction = "VOID", "NONE"
			case "expiry":
				e.Kind, e.Direction = "EXPIRY", "NONE"
			}
			held -= e.AmountMinor
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
		if e.Status == "APPROVED" && e.Kind != "HOLD" && e.Direction != "NONE" {
			shown = append(shown, sequence)
		}
	}
	slices.Sort(shown)
	slices.Reverse(shown)
	require.Equal(t, append([]int64{}, shown[:len(page.Lines)]...), sequences(page))
	require.Equal(t, len(shown) > len(page.Lines), page.Next != 0)
}

// checkPending compares all pages of pending holds with the holds of which nothing that ends them has arrived.
func (m *model) checkPending(t *rapid.T, pages func(below int64) statement.Page) {
	want := []int64{}
	for sequence, e := range m.arrived {
		ended := slices.ContainsFunc(m.endings[sequence], func(ending int64) bool { return m.arrived[ending] != nil })
		if e.Kind == "HOLD" && !ended {
			want = append(want, sequence)
		}
	}
	slices.Sort(want)
	slices.Reverse(want)
	got := []int64{}
	for below := int64(0); ; {
		page := pages(below)
		got = append(got, sequences(page)...)
		if below = page.Next; below == 0 {
			break
		}
	}
	require.Equal(t, want, got)
}
