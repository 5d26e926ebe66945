package payment_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/payment"
)

// bank is a bank as the hub expects it: it answers the same again, and captures or releases once.
type bank struct {
	code string
	// rejects says what it answers to a payment.
	rejects            map[payment.ID]bool
	captured, released map[payment.ID]bool
	credited           map[payment.ID]bool
}

func newBank(code string) *bank {
	return &bank{code, map[payment.ID]bool{}, map[payment.ID]bool{}, map[payment.ID]bool{}, map[payment.ID]bool{}}
}

// hear returns what the bank answers to a message.
func (b *bank) hear(t *rapid.T, m payment.Message) (answer payment.Message, answers bool) {
	switch m.Step {
	case payment.Initiate:
		if b.rejects[m.ID] && !m.ID.IsReturn() {
			return codepixtest.Answer(m, payment.Reject), true
		}
		b.credited[m.ID] = true
		return codepixtest.Answer(m, payment.Confirm), true
	case payment.Confirm:
		require.False(t, b.released[m.ID], "confirmed after it was released")
		b.captured[m.ID] = true
		return codepixtest.Answer(m, payment.Complete), true
	case payment.Reject:
		require.False(t, b.captured[m.ID], "rejected after it was captured")
		b.released[m.ID] = true
	}
	return payment.Message{}, false
}

// world is two banks, the hub, and what is under way between them.
type world struct {
	banks    map[string]*bank
	payments map[payment.ID]payment.Payment
	underWay []flight
	// begun are the messages that banks send again until they are answered.
	begun []payment.Message
}

// flight is a message under way: to the hub from a bank, or to a bank.
type flight struct {
	toHub   bool
	bank    string
	message payment.Message
}

// deliver delivers a message.
func (w *world) deliver(t *rapid.T, f flight) {
	if !f.toHub {
		if answer, answers := w.banks[f.bank].hear(t, f.message); answers {
			w.underWay = append(w.underWay, flight{true, f.bank, answer})
		}
		return
	}
	var all []payment.Payment
	for _, p := range w.payments {
		all = append(all, p)
	}
	book := payment.NewBook(all)
	received := codepixtest.From(f.bank, f.message)[0]
	out := book.Decide(&received)
	changes := book.Changes()
	for _, p := range slices.Concat(changes.New, changes.Changed) {
		before, known := w.payments[p.ID]
		require.False(t, known && before.State.IsFinal() && before.State != p.State, "a final state was left")
		require.False(t, known && (before.State == payment.Confirmed && p.State == payment.Rejected || before.State == payment.Rejected && p.State == payment.Confirmed))
		require.LessOrEqual(t, p.Returned, p.Terms.Amount.Minor)
		w.payments[p.ID] = p
	}
	for _, send := range out.Sends {
		w.underWay = append(w.underWay, flight{false, send.To, send.Message})
	}
}

// again puts what is not answered under way again, as outboxes do.
func (w *world) again() (waits bool) {
	for _, m := range w.begun {
		if from := w.banks[m.Terms.Sender.Bank]; !from.captured[m.ID] && !from.released[m.ID] {
			w.underWay, waits = append(w.underWay, flight{true, from.code, m}), true
		}
	}
	for _, p := range w.payments {
		m := payment.Message{ID: p.ID, Step: p.Waits(), Terms: p.Terms, DecidedAt: p.DecidedAt}
		switch m.Step {
		case payment.Initiate:
			w.underWay, waits = append(w.underWay, flight{false, p.Terms.Receiver.Bank, m}), true
		case payment.Confirm:
			w.underWay, waits = append(w.underWay, flight{false, p.Terms.Sender.Bank, m}), true
		}
	}
	return waits
}

// Whatever the order in which messages come, however often they come, and whichever are lost, every payment reaches the
// one end that its receiver has chosen: credited and captured, or neither.
func TestAnyOrderOfMessagesReachesOneEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{banks: map[string]*bank{sender: newBank(sender), receiver: newBank(receiver)}, payments: map[payment.ID]payment.Payment{}}
		for i := range rapid.IntRange(1, 4).Draw(t, "payments") {
			m := codepixtest.Payment(i)
			w.begun = append(w.begun, m)
			w.banks[receiver].rejects[m.ID] = rapid.Bool().Draw(t, "rejects")
			if rapid.Bool().Draw(t, "is returned") && !w.banks[receiver].rejects[m.ID] {
				w.begun = append(w.begun, codepixtest.Return(i, &m, rapid.Int64Range(1, 1000).Draw(t, "returned")))
			}
		}
		w.again()
		for range rapid.IntRange(0, 60).Draw(t, "deliveries") {
			if len(w.underWay) == 0 {
				w.again()
			}
			if len(w.underWay) == 0 {
				break
			}
			at := rapid.IntRange(0, len(w.underWay)-1).Draw(t, "which")
			next := w.underWay[at]
			if fate := rapid.SampledFrom([]string{"once", "again", "lost"}).Draw(t, "fate"); fate != "again" {
				w.underWay = slices.Delete(w.underWay, at, at+1)
				if fate == "lost" {
					continue
				}
			}
			w.deliver(t, next)
		}
		for round := 0; ; round++ { // The network is whole again.
			require.Less(t, round, 50, "messages go round and round")
			for deliveries := 0; len(w.underWay) > 0; deliveries++ {
				require.Less(t, deliveries, 10000, "messages make messages for ever")
				next := w.underWay[0]
				w.underWay = w.underWay[1:]
				w.deliver(t, next)
			}
			if !w.again() {
				break
			}
		}
		for _, m := range w.begun {
			from, to, p := w.banks[m.Terms.Sender.Bank], w.banks[m.Terms.Receiver.Bank], w.payments[m.ID]
			want := payment.Completed
			if to.rejects[m.ID] {
				want = payment.Rejected
			}
			require.Equal(t, want, p.State)
			require.Equal(t, want == payment.Completed, from.captured[m.ID])
			require.Equal(t, want == payment.Completed, to.credited[m.ID])
			require.Equal(t, want == payment.Rejected, from.released[m.ID])
		}
	})
}
