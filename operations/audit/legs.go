package audit

import (
	"encoding/binary"
	"fmt"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
)

// A transfer, and what gives back a transfer, has two events on two accounts: a debit and a credit of the
// same amount. The legs of all accounts are sorted by transaction and compared at the end.

const (
	legKey   = 16 + 1
	legWidth = legKey + 16 + 16 + 8 + 8 + 3
)

// leg is one of the two events.
type leg struct {
	transaction id.ID
	movement    movement
	account     id.ID
	// counterparty is the account of the other leg, as this one says.
	counterparty id.ID
	sequence     int64
	amount       int64
	currency     currency
}

func (l *leg) appendTo(dst []byte) []byte {
	dst = append(dst, l.transaction[:]...)
	dst = append(dst, byte(l.movement))
	dst = append(dst, l.account[:]...)
	dst = append(dst, l.counterparty[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.sequence))
	dst = binary.BigEndian.AppendUint64(dst, uint64(l.amount))
	return append(dst, l.currency[:]...)
}

func (l *leg) parse(from []byte) {
	copy(l.transaction[:], from)
	l.movement = movement(from[16])
	from = from[legKey:]
	copy(l.account[:], from)
	copy(l.counterparty[:], from[16:])
	l.sequence = int64(binary.BigEndian.Uint64(from[32:]))
	l.amount = int64(binary.BigEndian.Uint64(from[40:]))
	copy(l.currency[:], from[48:])
}

func (l *leg) key() key { return key{class: ofAccount, id: l.account, sequence: l.sequence} }

func (a *Audit) legs() *spool.Sorter { return a.spool(legWidth, legKey) }

// addLeg keeps an event of the open account that is a leg of a transaction.
func (c *comparison) addLeg(r *related) error {
	l := leg{
		transaction: r.transaction, movement: r.movement, account: c.account.id, sequence: r.sequence,
		amount: r.amount, currency: r.currency, counterparty: r.counterparty,
	}
	var room [legWidth]byte
	return c.legs.Add(l.appendTo(room[:0]))
}

// checkLegs compares the legs of each transaction.
func (c *comparison) checkLegs() error {
	cursor, err := c.legs.Sorted()
	if err != nil {
		return err
	}
	var legs []leg
	for {
		form, err := cursor.Next()
		if err != nil {
			return err
		}
		var next leg
		if form != nil {
			next.parse(form)
		}
		if len(legs) > 0 && (form == nil || next.transaction != legs[0].transaction) {
			c.compareLegs(legs)
			legs = legs[:0]
		}
		if form == nil {
			return nil
		}
		// A third leg is a finding already.
		if len(legs) < 3 {
			legs = append(legs, next)
		}
	}
}

// compareLegs compares the legs of one transaction, the debit first.
func (c *comparison) compareLegs(legs []leg) {
	first, last := &legs[0], &legs[len(legs)-1]
	b := breach{}
	switch {
	case len(legs) == 1 && !c.whole:
		return // An event of the ledger is missing or altered. It may be the other leg.
	case len(legs) == 1:
		b = breach{"transaction_id", "no event of another account is the other leg"}
	case len(legs) > 2:
		b = breach{"transaction_id", "more than two events are legs of the transaction"}
	case first.movement != movesDebit || last.movement != movesCredit:
		b = breach{"direction", "the legs are not a debit and a credit"}
	case first.account == last.account:
		b = breach{"account_id", "both legs are of the same account"}
	case first.currency != last.currency:
		b = breach{"currency", "not that of the other leg"}
	case first.amount != last.amount:
		b = breach{"amount_minor", fmt.Sprintf("%d, but the other leg has %d", last.amount, first.amount)}
	case last.counterparty != first.account:
		b = breach{"counterparty_account_id", "not the account of the other leg"}
	case first.counterparty != last.account:
		last, b = first, breach{"counterparty_account_id", "not the account of the other leg"}
	default:
		return
	}
	c.breaches(last.key(), []breach{b})
}
