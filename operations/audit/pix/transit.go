package pix

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

type transitKey struct{ bank, currency string }

// transit is a transit account of a bank.
type transit struct {
	account string
	sum     int64
}

// move adds what an entry moved on the transit account of its bank. The first entry says which account that is.
func (c *comparison) move(bank string, e *Entry) {
	want := e.AmountMinor
	switch {
	case e.Status != "APPROVED" || e.Kind == "HOLD" || e.Kind == "VOID" || e.Kind == "EXPIRY":
		want = 0
	case e.Direction == "CREDIT":
		want = -want
	}
	if e.TransitMinor != want {
		c.differ(bank, e.EndToEndID, "transit", fmt.Sprintf("%s %s moved %d on the transit account, and not %d", e.Kind, e.Direction, e.TransitMinor, want))
	}
	if e.Transit == "" {
		return
	}
	key := transitKey{bank, e.Currency}
	t := c.transits[key]
	if t == nil {
		t = &transit{account: e.Transit}
		c.transits[key] = t
	}
	if t.account != e.Transit {
		c.differ(bank, e.EndToEndID, "transit", "account "+e.Transit+", and others use "+t.account)
	}
	t.sum += e.TransitMinor
}

// checkTransits: over all banks, the transit accounts of a currency have given what was credited and not yet captured.
func (c *comparison) checkTransits() (accounts []Transit, waiting []Sum) {
	sums := make(map[string]int64)
	for key, t := range c.transits {
		accounts = append(accounts, Transit{Bank: key.bank, Account: t.account, Currency: key.currency, Minor: t.sum})
		sums[key.currency] += t.sum
	}
	expected := make(map[string]int64)
	for _, k := range c.payments {
		if k.credited != nil {
			expected[k.credited.Currency] += k.credited.AmountMinor
		}
		if k.released != nil && k.isReturn() {
			expected[k.released.Currency] += k.released.AmountMinor
		}
		if k.taken != nil {
			expected[k.taken.Currency] -= k.taken.AmountMinor
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		if -sums[currency] != expected[currency] {
			c.differ("banks", "", "transit", fmt.Sprintf("the transit accounts have given %d %s, and the payments say %d", -sums[currency], currency, expected[currency]))
		}
		waiting = append(waiting, Sum{Currency: currency, Minor: expected[currency]})
	}
	slices.SortFunc(accounts, func(a, b Transit) int {
		return cmp.Or(cmp.Compare(a.Bank, b.Bank), cmp.Compare(a.Currency, b.Currency))
	})
	return accounts, waiting
}
