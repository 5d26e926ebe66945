package audit

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"
)

// Report is the outcome of an audit.
type Report struct {
	// BankCode is the code of the bank whose events were compared.
	BankCode string `json:"bank_code"`
	// Equal is true when nothing was found.
	Equal bool `json:"equal"`
	// Accounts and Refusals are numbers of the cut. Events is how many events there must be: the sum
	// of all accounts' sequences, and the refusals.
	Accounts int64 `json:"accounts"`
	Refusals int64 `json:"refusals"`
	Events   int64 `json:"events"`
	// Places are the five places, ledger first.
	Places []Place `json:"places"`
	// DeadLetters are set by the caller of Run; they are not findings.
	DeadLetters []DeadLetters `json:"dead_letters"`
	// FindingCount is how many findings there are; Findings are the first of them, by
	// account and sequence.
	FindingCount int64     `json:"finding_count"`
	Findings     []Finding `json:"findings"`
	// Tallies count the findings by kind and place.
	Tallies []Tally `json:"tallies"`
	// DifferingAccounts are the first accounts with findings.
	DifferingAccounts []AccountDifference `json:"differing_accounts"`
}

// onlyInFlight reports whether all findings are events that may be in flight.
func (r *Report) onlyInFlight() bool {
	inFlight := func(t Tally) bool { return t.Kind == Waiting || t.Kind == Missing && t.Store > InOutbox }
	return !r.Equal && !slices.ContainsFunc(r.Tallies, func(t Tally) bool { return !inFlight(t) })
}

// Tally is how many findings of a kind are in a place.
type Tally struct {
	Kind     Kind  `json:"kind"`
	Store    Store `json:"store"`
	Findings int64 `json:"findings"`
}

// Figures are the sums over the events of one place. A repeat counts once.
type Figures struct {
	// Store is the place.
	Store Store `json:"store"`
	// Events counts events, refusals among them.
	Events int64 `json:"events"`
	// Sums are what was approved, by currency.
	Sums []CurrencySum `json:"sums"`
	// Digest is a digest of the content of all events, in hexadecimal. It is the exclusive or of the
	// first 16 bytes of each event's SHA-256. Only fields that all places keep are part of it.
	Digest string `json:"digest"`
}

// Place is what an audit found in one place.
type Place struct {
	Figures
	// Refusals are the declines without an account.
	Refusals int64 `json:"refusals"`
	// Repeats are further copies of events that the outbox or the topic has.
	Repeats int64 `json:"repeats"`
	// Unreadable are records that are not events.
	Unreadable int64 `json:"unreadable"`
	// Later are copies of events decided after the cut. No other figure counts them.
	Later int64 `json:"later"`
}

// AccountDifference is an account with findings, place by place.
type AccountDifference struct {
	AccountID string `json:"account_id"`
	// Sequence is the account's sequence as of the cut.
	Sequence int64     `json:"sequence"`
	Places   []Figures `json:"places"`
}

// DeadLetters is how many records a dead-letter topic holds.
type DeadLetters struct {
	Topic   string `json:"topic"`
	Records int64  `json:"records"`
	// Waiting is how many of them nobody has dealt with, Discarded how many an operator discarded.
	Waiting   int64 `json:"waiting"`
	Discarded int64 `json:"discarded"`
}

// String returns for example "3 dead letters in dlq.statement-postgres: 1 waiting, 1 discarded".
func (d *DeadLetters) String() string {
	text := howMany(d.Records, "dead letter") + " in " + d.Topic
	if d.Waiting == d.Records {
		return text
	}
	text += fmt.Sprintf(": %d waiting", d.Waiting)
	if d.Discarded > 0 {
		text += fmt.Sprintf(", %d discarded", d.Discarded)
	}
	return text
}

// Kind says what is wrong.
type Kind string

// The kinds of findings.
const (
	// Missing is an event that a place must have and does not have.
	Missing Kind = "missing"
	// Doubled is an event that a place has more than once and may have only once.
	Doubled Kind = "doubled"
	// Altered is an event whose content differs from that of most places; without a
	// majority, from that of the ledger.
	Altered Kind = "altered"
	// Foreign is an event that the ledger does not have.
	Foreign Kind = "foreign"
	// OutOfOrder is an event that came onto the topic before an earlier event of its account.
	OutOfOrder Kind = "out of order"
	// Broken is an event of the ledger whose figures do not follow from the event before.
	Broken Kind = "broken"
	// Waiting is an event that has been in the outbox for more than MaxWait: the relay holds it back,
	// or none publishes.
	Waiting Kind = "waiting"
)

// Finding is what is wrong with one event in one place.
type Finding struct {
	Kind    Kind   `json:"kind"`
	Store   Store  `json:"store"`
	EventID string `json:"event_id"`
	// Fields are the fields that differ, if any do.
	Fields []Field `json:"fields,omitempty"`
	// Detail says more in words. It may be empty.
	Detail string `json:"detail,omitempty"`
}

// Field is a field in which places differ.
type Field struct {
	// Name is the field's name in the event.
	Name string `json:"field"`
	// Values are the field's values in the places that have the event: nil, an int64 or a string.
	Values map[Store]any `json:"values,omitempty"`
}

func (c *comparison) report(ctx context.Context, cut *cut) (*Report, error) {
	findings, err := c.explain(ctx)
	if err != nil {
		return nil, err
	}
	r := &Report{
		BankCode: c.audit.BankCode, Accounts: c.accounts, Refusals: c.refusals, Events: cut.events(),
		Findings: findings, Tallies: []Tally{}, DeadLetters: []DeadLetters{},
		DifferingAccounts: append([]AccountDifference{}, c.differing...),
	}
	for _, tally := range c.tallies {
		r.FindingCount = addCapped(r.FindingCount, tally.Findings)
		if tally.Findings > 0 {
			r.Tallies = append(r.Tallies, tally)
		}
	}
	r.Equal = r.FindingCount == 0
	for store := range stores {
		place := &c.places[store]
		shown := Place{
			Figures: place.figures(store), Refusals: place.totals.refusals,
			Repeats: place.repeats, Later: place.later,
		}
		if store != InLedger {
			shown.Unreadable = c.read[store].unreadable
		}
		r.Places = append(r.Places, shown)
	}
	return r, nil
}

func (t *totals) figures(store Store) Figures {
	f := Figures{Store: store, Events: t.events, Sums: []CurrencySum{}, Digest: hex.EncodeToString(t.digest[:])}
	for _, sum := range t.sums {
		f.Sums = append(f.Sums, CurrencySum{Currency: string(sum.code[:]), Debits: sum.debits, Credits: sum.credits})
	}
	slices.SortFunc(f.Sums, func(a, b CurrencySum) int { return cmp.Compare(a.Currency, b.Currency) })
	return f
}

func (a *account) difference() AccountDifference {
	d := AccountDifference{AccountID: a.id.String(), Sequence: a.atCut.sequence}
	for store := range stores {
		d.Places = append(d.Places, a.totals[store].figures(store))
	}
	return d
}
