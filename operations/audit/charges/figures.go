package charges

import (
	"cmp"
	"maps"
	"slices"
)

// Figure is a count and a sum of charges, or of refunds, in one state, in both places. A charge counts with what the payer
// agreed to, and a refund with what it gives back.
type Figure struct {
	Merchant string `json:"merchant_id"`
	Mode     string `json:"mode"`
	// State is the state of the charges, or PENDING, DONE or REFUSED for refunds.
	State    string `json:"state"`
	Currency string `json:"currency"`
	Database Sum    `json:"database"`
	Index    Sum    `json:"index"`
}

// Sum is a count and an amount in minor units.
type Sum struct {
	Count int64 `json:"count"`
	Minor int64 `json:"amount_minor"`
}

type figureKey struct{ merchant, mode, state, currency string }

type figures map[figureKey]*Figure

// add counts one more, or one less, in a state.
func (f figures) add(place, state string, c *Change, by Sum) {
	key := figureKey{c.Merchant, c.Mode, state, c.Currency}
	one := f[key]
	if one == nil {
		one = &Figure{Merchant: c.Merchant, Mode: c.Mode, State: state, Currency: c.Currency}
		f[key] = one
	}
	sum := &one.Database
	if place == Index {
		sum = &one.Index
	}
	sum.Count += by.Count
	sum.Minor += by.Minor
}

// list returns the figures that are not zero, in one order.
func (f figures) list() []Figure {
	list := []Figure{}
	for one := range maps.Values(f) {
		if one.Database != (Sum{}) || one.Index != (Sum{}) {
			list = append(list, *one)
		}
	}
	slices.SortFunc(list, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.State, b.State), cmp.Compare(a.Currency, b.Currency))
	})
	return list
}

// pending is the first state of charges and refunds.
const pending = "PENDING"

// count adds what a change did: it takes the charge, or the refund, out of the state before and puts it into the next one.
// Which state was before follows from the kind of the change, so the changes before it need not be remembered.
func (c *comparison) count(place string, change *Change) {
	if place == Database {
		c.report.Changes++
	} else {
		c.report.Documents++
	}
	const authorized, refund = "AUTHORIZED", "REFUND"
	charge, back := change.Amount, change.OperationAmount
	switch {
	case change.Kind == "CHARGE_ACCEPTED":
		c.charges.add(place, pending, change, Sum{1, charge})
	case change.Kind == "CHARGE_DECIDED":
		c.charges.add(place, pending, change, Sum{-1, -charge})
		c.charges.add(place, change.Status, change, Sum{1, charge})
	case change.Kind == "CHARGE_EXPIRED", change.Kind == "OPERATION_ENDED" && change.OperationKind != refund && change.OperationStatus == "DONE":
		c.charges.add(place, authorized, change, Sum{-1, -charge})
		c.charges.add(place, change.Status, change, Sum{1, charge})
	case change.OperationKind != refund:
	case change.Kind == "OPERATION_ACCEPTED":
		c.refunds.add(place, pending, change, Sum{1, back})
	case change.Kind == "OPERATION_ENDED":
		c.refunds.add(place, pending, change, Sum{-1, -back})
		c.refunds.add(place, change.OperationStatus, change, Sum{1, back})
	}
}
