package audit_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

// step is an event of a wallet, without the figures of its account.
type step struct {
	// name is the transaction; of is the one that it refers to.
	name, of  string
	account   int
	kind      event.Kind
	direction event.Direction
	amount    int64
	currency  string
	declined  bool
	// sets is by how much the held amount changes.
	sets int64
	// other and relation replace what the event says otherwise.
	other    string
	relation event.Relation
}

// counts is how an event counts towards the one that it refers to.
func (s *step) counts() event.Relation {
	switch {
	case s.relation != "":
		return s.relation
	case s.of == "" || s.name == "return" && s.account == recipient:
		return ""
	case s.kind == event.KindCapture:
		return event.RelationCaptured
	case s.direction == event.DirectionNone:
		return event.RelationReleased
	}
	return event.RelationGivenBack
}

// counterparty is the account at the other end of a transfer.
func (s *step) counterparty() string {
	switch {
	case s.other != "":
		return s.other
	case s.kind != event.KindTransfer && s.name != "return":
		return ""
	case s.account == payer:
		return idOf(1, recipient).String()
	}
	return idOf(1, payer).String()
}

const (
	payer = iota
	recipient
	cardholder
)

// script is a day of two wallets and a card: cash, transfers, and holds with each of their ends.
func script() []step {
	const debit, credit, none = event.DirectionDebit, event.DirectionCredit, event.DirectionNone
	return []step{
		{name: "open payer", account: payer, kind: event.KindOpening, direction: none},
		{name: "open recipient", account: recipient, kind: event.KindOpening, direction: none},
		{name: "open cardholder", account: cardholder, kind: event.KindOpening, direction: none},
		{name: "deposit", account: payer, kind: event.KindDeposit, direction: credit, amount: 100_00},
		{name: "transfer", account: payer, kind: event.KindTransfer, direction: debit, amount: 30_00},
		{name: "transfer", account: recipient, kind: event.KindTransfer, direction: credit, amount: 30_00},
		{name: "return", of: "transfer", account: payer, kind: event.KindReversal, direction: credit, amount: 10_00},
		{name: "return", of: "transfer", account: recipient, kind: event.KindReversal, direction: debit, amount: 10_00},
		{name: "hold", account: payer, kind: event.KindHold, direction: debit, amount: 20_00, sets: 20_00},
		{name: "capture", of: "hold", account: payer, kind: event.KindCapture, direction: debit, amount: 15_00, sets: -15_00},
		{name: "capture", of: "hold", account: payer, kind: event.KindVoid, direction: none, amount: 5_00, sets: -5_00},
		{name: "refund", of: "capture", account: payer, kind: event.KindReversal, direction: credit, amount: 4_00},
		{name: "second hold", account: payer, kind: event.KindHold, direction: debit, amount: 6_00, sets: 6_00},
		{name: "void", of: "second hold", account: payer, kind: event.KindVoid, direction: none, amount: 6_00, sets: -6_00},
		{name: "card hold", account: cardholder, kind: event.KindHold, direction: debit, amount: 7_00, sets: 7_00},
		{name: "expiry", of: "card hold", account: cardholder, kind: event.KindExpiry, direction: none, amount: 7_00, sets: -7_00},
		{name: "purchase", account: payer, kind: event.KindPurchase, direction: debit, amount: 2_00},
		{name: "give back", of: "purchase", account: payer, kind: event.KindVoid, direction: credit, amount: 2_00},
		{name: "withdrawal", account: payer, kind: event.KindWithdrawal, direction: debit, amount: 1_00},
		{name: "too much", account: payer, kind: event.KindTransfer, direction: debit, amount: 1000_00, declined: true},
		{name: "open hold", account: payer, kind: event.KindHold, direction: debit, amount: 3_00, sets: 3_00},
	}
}

// walletWorld plays a script and puts its events everywhere but into the outbox.
func walletWorld(t testing.TB, steps []step) *world {
	w := &world{t: t}
	accounts := map[int]*audit.Account{}
	named := map[string]int{}
	idOfStep := func(name string) string {
		if _, known := named[name]; !known {
			named[name] = len(named)
		}
		return idOf(6, named[name]).String()
	}
	for _, s := range steps {
		if accounts[s.account] == nil {
			accounts[s.account] = &audit.Account{ID: idOf(1, s.account), CreditLimit: credit}
		}
		a := accounts[s.account]
		a.Sequence++
		e := eventOf(s.account, int(a.Sequence))
		e.TransactionID, e.OriginalTransactionID = idOfStep(s.name), ""
		if s.of != "" {
			e.OriginalTransactionID = idOfStep(s.of)
		}
		e.Relation, e.Leg, e.AccountKind, e.CounterpartyAccountID = s.counts(), event.Some[int32](0), event.AccountKindWallet, s.counterparty()
		e.Kind, e.Direction, e.AmountMinor, e.Status = s.kind, s.direction, s.amount, event.StatusApproved
		e.DeclineCode, e.DeclineReason = "", ""
		if s.currency != "" {
			e.Currency = s.currency
		}
		switch {
		case s.declined:
			e.Status, e.DeclineCode, e.DeclineReason = event.StatusDeclined, "51", event.DeclineInsufficientFunds
		case s.kind == event.KindOpening:
			e.Status = event.StatusApplied
		case s.direction == event.DirectionCredit:
			a.Balance += s.amount
		case s.direction == event.DirectionDebit && s.kind != event.KindHold:
			a.Balance -= s.amount
		}
		a.Held += s.sets
		e.BalanceAfterMinor, e.HeldAfterMinor = event.Some(a.Balance), event.Some(a.Held)
		e.AvailableAfterMinor = event.Some(a.Balance - a.Held + credit)
		w.ledger = append(w.ledger, copyOf(e))
		w.publish(e)
	}
	for account := range len(accounts) {
		w.accounts = append(w.accounts, *accounts[account])
	}
	return w
}

func at(steps []step, name string, kind event.Kind, account int) int {
	return slices.IndexFunc(steps, func(s step) bool { return s.name == name && s.kind == kind && s.account == account })
}

// eventID returns the id of the event that a step makes.
func eventID(steps []step, i int) string {
	sequence := 0
	for _, s := range steps[:i+1] {
		if s.account == steps[i].account {
			sequence++
		}
	}
	return eventOf(steps[i].account, sequence).EventID
}

func TestTransfersAndHoldsAreEqualToo(t *testing.T) {
	report := walletWorld(t, script()).run()
	require.True(t, report.Equal, table(t, report))
	require.EqualValues(t, len(script()), report.Events)
	require.Equal(t, "5800", report.Places[0].Sums[0].Debits.String(), "30 + 10 + 15 + 2 + 1, and not what is set aside")
	require.Equal(t, "14600", report.Places[0].Sums[0].Credits.String(), "100 + 30 + 10 + 4 + 2")
}

// What every place agrees on can still be against the rules.
func TestALedgerThatBreaksARuleOfTransactionsIsFound(t *testing.T) {
	drop := func(name string, kind event.Kind, account int) func([]step) []step {
		return func(steps []step) []step {
			i := at(steps, name, kind, account)
			return slices.Delete(steps, i, i+1)
		}
	}
	change := func(name string, kind event.Kind, account int, to func(*step)) func([]step) []step {
		return func(steps []step) []step {
			to(&steps[at(steps, name, kind, account)])
			return steps
		}
	}
	type place struct {
		name    string
		kind    event.Kind
		account int
	}
	capture := place{"capture", event.KindCapture, payer}
	for name, broken := range map[string]struct {
		by    func([]step) []step
		at    place
		field string
	}{
		"a capture above the hold": {func(steps []step) []step {
			steps = drop("capture", event.KindVoid, payer)(steps)
			return change("capture", event.KindCapture, payer, func(s *step) { s.amount, s.sets = 20_01, -20_01 })(steps)
		}, capture, "amount_minor"},
		"a part of a hold that is not released": {drop("capture", event.KindVoid, payer), capture, "amount_minor"},
		"a hold that is ended twice": {func(steps []step) []step {
			i := at(steps, "void", event.KindVoid, payer)
			steps[i].amount, steps[i].sets = 2_00, -2_00
			again := steps[i]
			again.name, again.kind, again.amount, again.sets = "later", event.KindExpiry, 4_00, -4_00
			return slices.Insert(steps, i+1, again)
		}, place{"later", event.KindExpiry, payer}, "original_transaction_id"},
		"more given back than captured": {change("refund", event.KindReversal, payer, func(s *step) { s.amount = 15_01 }),
			place{"refund", event.KindReversal, payer}, "amount_minor"},
		"more given back than bought": {change("give back", event.KindVoid, payer, func(s *step) { s.amount = 2_01 }),
			place{"give back", event.KindVoid, payer}, "amount_minor"},
		"a reversal that takes": {change("refund", event.KindReversal, payer, func(s *step) { s.direction = event.DirectionDebit }),
			place{"refund", event.KindReversal, payer}, "direction"},
		"the release of a purchase": {change("give back", event.KindVoid, payer, func(s *step) { s.direction, s.sets = event.DirectionNone, -2_00 }),
			place{"give back", event.KindVoid, payer}, "direction"},
		"a capture that gives": {change("void", event.KindVoid, payer, func(s *step) {
			s.kind, s.direction = event.KindCapture, event.DirectionCredit
		}), place{"void", event.KindCapture, payer}, "direction"},
		"the release of nothing": {change("void", event.KindVoid, payer, func(s *step) { s.of = "nothing" }),
			place{"void", event.KindVoid, payer}, "original_transaction_id"},
		"a reversal of another account's purchase": {change("refund", event.KindReversal, payer, func(s *step) { s.account = recipient }),
			place{"refund", event.KindReversal, recipient}, "original_transaction_id"},
		"a reversal in another currency": {change("refund", event.KindReversal, payer, func(s *step) { s.currency = "USD" }),
			place{"refund", event.KindReversal, payer}, "currency"},
		"a transfer that nobody gets": {func(steps []step) []step {
			return drop("transfer", event.KindTransfer, recipient)(drop("return", event.KindReversal, payer)(drop("return", event.KindReversal, recipient)(steps)))
		}, place{"transfer", event.KindTransfer, payer}, "transaction_id"},
		"a transfer that nobody gives back": {drop("return", event.KindReversal, recipient), place{"return", event.KindReversal, payer}, "transaction_id"},
		"a transfer that grows": {change("transfer", event.KindTransfer, recipient, func(s *step) { s.amount++ }),
			place{"transfer", event.KindTransfer, recipient}, "amount_minor"},
		"a return that shrinks": {change("return", event.KindReversal, recipient, func(s *step) { s.amount-- }),
			place{"return", event.KindReversal, payer}, "amount_minor"},
		"a transfer into another currency": {func(steps []step) []step {
			steps = change("transfer", event.KindTransfer, recipient, func(s *step) { s.currency = "USD" })(steps)
			return drop("return", event.KindReversal, payer)(drop("return", event.KindReversal, recipient)(steps))
		}, place{"transfer", event.KindTransfer, recipient}, "currency"},
		"a transfer with three legs": {func(steps []step) []step {
			third := steps[at(steps, "transfer", event.KindTransfer, recipient)]
			return append(steps, third)
		}, place{"transfer", event.KindTransfer, recipient}, "transaction_id"},
		"a transfer of an account to itself": {func(steps []step) []step {
			steps = change("transfer", event.KindTransfer, recipient, func(s *step) { s.account = payer })(steps)
			return drop("return", event.KindReversal, payer)(drop("return", event.KindReversal, recipient)(steps))
		}, place{"transfer", event.KindTransfer, payer}, "account_id"},
		"a transfer from somebody else": {change("transfer", event.KindTransfer, recipient, func(s *step) { s.other = idOf(1, cardholder).String() }),
			place{"transfer", event.KindTransfer, recipient}, "counterparty_account_id"},
		"a transfer to somebody else": {change("transfer", event.KindTransfer, payer, func(s *step) { s.other = idOf(1, cardholder).String() }),
			place{"transfer", event.KindTransfer, payer}, "counterparty_account_id"},
		"a void that says it gives back": {change("void", event.KindVoid, payer, func(s *step) { s.relation = event.RelationGivenBack }),
			place{"void", event.KindVoid, payer}, "relation"},
		"a reversal that says it captures": {change("refund", event.KindReversal, payer, func(s *step) { s.relation = event.RelationCaptured }),
			place{"refund", event.KindReversal, payer}, "relation"},
		"both legs of a return that count": {change("return", event.KindReversal, recipient, func(s *step) { s.relation = event.RelationGivenBack }),
			place{"return", event.KindReversal, recipient}, "relation"},
		"a hold that sets less aside": {change("open hold", event.KindHold, payer, func(s *step) { s.sets-- }),
			place{"open hold", event.KindHold, payer}, "held_after_minor"},
		"a release that keeps some": {change("expiry", event.KindExpiry, cardholder, func(s *step) { s.sets++ }),
			place{"expiry", event.KindExpiry, cardholder}, "held_after_minor"},
	} {
		t.Run(name, func(t *testing.T) {
			steps := broken.by(script())
			finding := only(t, walletWorld(t, steps).run())
			require.Equal(t, audit.Broken, finding.Kind, finding.String())
			require.Equal(t, audit.InLedger, finding.Store)
			require.Equal(t, broken.field, finding.Fields[0].Name, finding.String())
			require.NotEmpty(t, finding.Detail)
			var events []string
			for i, s := range steps {
				if (place{s.name, s.kind, s.account}) == broken.at {
					events = append(events, eventID(steps, i))
				}
			}
			require.Contains(t, events, finding.EventID, finding.String())
		})
	}
}

// An event that is missing or altered is one finding. What refers to it is none.
func TestWhatALostEventLeavesOpenIsNoFinding(t *testing.T) {
	steps := script()
	for i := range steps {
		id := eventID(steps, i)
		w := walletWorld(t, steps)
		ledger := memory{copies: w.ledger}
		ledger.lose(id)
		w.ledger = ledger.copies
		require.Equal(t, audit.Finding{Kind: audit.Missing, Store: audit.InLedger, EventID: id}, only(t, w.run()))
		for _, store := range downstream {
			w.memory(store).lose(id)
		}
		require.Equal(t, audit.Missing, only(t, w.run()).Kind)
	}
}

func TestASingleChangedFieldOfATransferOrAHoldIsNamed(t *testing.T) {
	steps := script()
	for _, i := range []int{
		at(steps, "transfer", event.KindTransfer, recipient), at(steps, "capture", event.KindCapture, payer),
		at(steps, "capture", event.KindVoid, payer), at(steps, "expiry", event.KindExpiry, cardholder),
	} {
		id := eventID(steps, i)
		for _, store := range []audit.Store{audit.InLedger, audit.InTopic, audit.InStatement, audit.InIndex, audit.InOutbox} {
			fields := event.Fields()
			if store == audit.InStatement {
				fields = audit.StatementFields()
			}
			for _, field := range fields {
				if field.Name == "event_id" {
					continue // a test of its own
				}
				w := walletWorld(t, steps)
				original := w.copyIn(audit.InLedger, id).Event
				w.enqueue(original)
				copied := w.copyIn(store, id)
				was, err := original.Get(field.Name)
				require.NoError(t, err)
				require.NoError(t, copied.Event.Set(field.Name, changed(was, field)))
				finding := only(t, w.run())
				require.Equal(t, audit.Altered, finding.Kind, finding.String())
				require.Equal(t, store, finding.Store, finding.String())
				require.Equal(t, id, finding.EventID)
				require.Len(t, finding.Fields, 1)
				require.Equal(t, field.Name, finding.Fields[0].Name)
			}
		}
	}
}
