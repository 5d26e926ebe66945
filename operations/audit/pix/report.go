package pix

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Report is the outcome of a comparison.
type Report struct {
	Equal bool `json:"equal"`
	// Payments and Returns are how many end-to-end ids there are.
	Payments int `json:"payments"`
	Returns  int `json:"returns"`
	// Transits are the transit accounts. Waiting is what they have given together, by currency: what is credited and not
	// yet captured, less the returns on their way. It is 0 at rest.
	Transits []Transit `json:"transits"`
	Waiting  []Sum     `json:"waiting"`
	// Open are the payments without an end, the oldest first. They are no differences.
	Open []Open `json:"open"`
	// Keys are the active keys of each bank.
	Keys []KeyCount `json:"keys"`
	// Codes are the codes by which others pay, of each bank.
	Codes    []CodeCount `json:"codes"`
	Findings []Finding   `json:"findings"`
}

// Transit is a transit account.
type Transit struct {
	Bank     string `json:"bank_code"`
	Account  string `json:"account_id"`
	Currency string `json:"currency"`
	Minor    int64  `json:"sum_minor"`
}

// Sum is an amount.
type Sum struct {
	Currency string `json:"currency"`
	Minor    int64  `json:"amount_minor"`
}

// Open is a payment without an end.
type Open struct {
	EndToEndID string `json:"end_to_end_id"`
	Sender     string `json:"sender_bank_code"`
	Receiver   string `json:"receiver_bank_code"`
	// State is that of the hub, or NOT AT THE HUB.
	State       string        `json:"state"`
	AmountMinor int64         `json:"amount_minor"`
	Currency    string        `json:"currency"`
	Age         time.Duration `json:"-"`
	AgeSeconds  int64         `json:"age_seconds"`
}

// Finding is what is wrong with one payment in one place: the hub, or a bank by its code. With a code it is about that and the
// payment that pays it. Without an end-to-end id and a code it is about the keys of the bank.
type Finding struct {
	Place      string `json:"place"`
	EndToEndID string `json:"end_to_end_id"`
	// Code is the id of a code by which others pay. Field is then the kind of the difference, such as PaidTwice.
	Code   string `json:"code_id,omitempty"`
	Field  string `json:"field"`
	Detail string `json:"detail"`
}

func (c *comparison) report(now time.Time) *Report {
	r := &Report{Open: []Open{}, Findings: []Finding{}, Transits: []Transit{}, Waiting: []Sum{}, Keys: []KeyCount{}, Codes: []CodeCount{}}
	ids := slices.Sorted(maps.Keys(c.payments))
	for _, id := range ids {
		k := c.payments[id]
		if k.hub == nil && k.start() == nil && k.credited == nil && k.released == nil {
			continue // a bank has refused in advance what nobody has sent
		}
		if k.isReturn() {
			r.Returns++
		} else {
			r.Payments++
		}
		c.check(k)
		c.addOpen(k, now)
	}
	c.checkReturns(ids)
	accounts, waiting := c.checkTransits()
	r.Codes = append(r.Codes, c.countCodes()...)
	r.Transits, r.Waiting = append(r.Transits, accounts...), append(r.Waiting, waiting...)
	slices.SortFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.EndToEndID, b.EndToEndID), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Field, b.Field))
	})
	slices.SortStableFunc(c.open, func(a, b Open) int { return cmp.Compare(b.Age, a.Age) })
	r.Findings, r.Open = append(r.Findings, c.findings...), append(r.Open, c.open...)
	r.Equal = len(r.Findings) == 0
	return r
}

// addOpen adds a payment that has no end at its sender or at the hub.
func (c *comparison) addOpen(k *known, now time.Time) {
	start := k.start()
	if start == nil {
		return
	}
	o := Open{
		EndToEndID: k.id, Sender: start.bank, Receiver: start.Counterparty, State: "NOT AT THE HUB",
		AmountMinor: start.AmountMinor, Currency: start.Currency, Age: now.Sub(start.At), AgeSeconds: int64(now.Sub(start.At) / time.Second),
	}
	ended := k.released != nil || k.captured()
	if k.hub != nil {
		o.State = k.hub.State
		ended = (ended || k.isReturn() && k.hub.State == "COMPLETED") && (k.hub.State == "COMPLETED" || k.hub.State == "REJECTED")
	}
	if !ended {
		c.open = append(c.open, o)
	}
}

// Table returns the report for people. It ends with the line that says whether the places are equal.
func (r *Report) Table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "payments: %d, returns: %d, in doubt: %d\n", r.Payments, r.Returns, len(r.Open))
	for _, t := range r.Transits {
		fmt.Fprintf(&text, "transit of bank %s: %d %s (account %s)\n", t.Bank, t.Minor, t.Currency, t.Account)
	}
	for _, w := range r.Waiting {
		fmt.Fprintf(&text, "credited and not yet captured: %d %s\n", w.Minor, w.Currency)
	}
	for _, o := range r.Open {
		fmt.Fprintf(&text, "in doubt: %s from %s to %s, %d %s, %s for %v\n", o.EndToEndID, o.Sender, o.Receiver, o.AmountMinor, o.Currency, o.State, o.Age.Round(time.Second))
	}
	for _, k := range r.Keys {
		fmt.Fprintf(&text, "keys of bank %s: %d %s\n", k.Bank, k.Copy, k.Kind)
	}
	for i := range r.Codes {
		text.WriteString(r.Codes[i].line())
	}
	for _, f := range r.Findings {
		text.WriteString(f.line())
	}
	if r.Equal {
		return text.String() + "audit pix: equal\n"
	}
	return text.String() + fmt.Sprintf("audit pix: DIFFERENT (%d findings)\n", len(r.Findings))
}

// line returns the finding for people.
func (f *Finding) line() string {
	switch {
	case f.Code != "":
		return fmt.Sprintf("DIFFERENT code %s of bank %s, payment %s: %s: %s\n", f.Code, f.Place, f.EndToEndID, f.Field, f.Detail)
	case f.EndToEndID == "":
		return fmt.Sprintf("DIFFERENT %s of bank %s: %s\n", f.Field, f.Place, f.Detail)
	}
	return fmt.Sprintf("DIFFERENT %s in %s: %s: %s\n", f.EndToEndID, f.Place, f.Field, f.Detail)
}
