package pix

import (
	"fmt"
	"strings"
)

// decided is an entry of a bank.
type decided struct {
	bank string
	Entry
}

// known is all that the places say of one end-to-end id.
type known struct {
	id string
	// held is the sender's hold of a payment. taken is its capture, or the debit of a return. released is the end of
	// the hold without a capture, or what a rejected return gave back.
	held, taken, released *decided
	// credited and refused are what the receiver did.
	credited, refused *decided
	hub               *Payment
}

// isReturn reports whether the id is that of a return.
func (k *known) isReturn() bool { return strings.HasPrefix(k.id, "D") }

// codeAt is where the code of the sending bank stands in an end-to-end id, behind E or D and five zeros.
const codeAt, codeEnd = 6, 9

// sender returns the code of the bank that made the id.
func (k *known) sender() string {
	if len(k.id) < codeEnd {
		return ""
	}
	return k.id[codeAt:codeEnd]
}

// roleOf returns where an entry belongs, or nil for one that decides nothing, such as a declined hold.
func (k *known) roleOf(e *Entry) **decided {
	if e.Status == "VOIDED" || e.Status == "DECLINED" && e.Kind == "PIX_IN" {
		return &k.refused
	}
	if e.Status != "APPROVED" {
		return nil
	}
	switch {
	case e.Kind == "HOLD":
		return &k.held
	case e.Kind == "PIX_OUT", e.Kind == "PIX_RETURN" && e.Direction == "DEBIT":
		return &k.taken
	case e.Kind == "VOID", e.Kind == "EXPIRY", e.Kind == "PIX_IN" && k.isReturn():
		return &k.released
	case e.Kind == "PIX_IN", e.Kind == "PIX_RETURN":
		return &k.credited
	}
	return nil
}

// start is the entry with which a payment begins at its sender.
func (k *known) start() *decided {
	if k.isReturn() {
		return k.taken
	}
	return k.held
}

// captured reports whether the sender has given the amount away for good.
func (k *known) captured() bool { return !k.isReturn() && k.taken != nil }

// check adds what does not hold for a payment.
func (c *comparison) check(k *known) {
	sender := k.sender()
	if k.start() == nil && c.banks[sender] {
		c.differ(sender, k.id, "kind", "the sender has no entry with which the payment begins")
		return
	}
	c.checkPlaces(k)
	c.checkTerms(k)
	c.checkEnds(k)
	c.checkHub(k)
}

// checkPlaces: the sender's entries are at the bank of the id, and the receiver's at the other one.
func (c *comparison) checkPlaces(k *known) {
	for _, own := range []*decided{k.held, k.taken, k.released} {
		if own != nil && own.bank != k.sender() {
			c.differ(own.bank, k.id, "bank_code", "an entry of the sender is at another bank than that of the id, "+k.sender())
		}
	}
	for _, other := range []*decided{k.credited, k.refused} {
		if other != nil && k.start() != nil && other.bank != k.start().Counterparty {
			c.differ(other.bank, k.id, "counterparty_bank_code", "the sender paid bank "+k.start().Counterparty)
		}
	}
}

// checkTerms: amount and currency are the same everywhere. A refusal may have none.
func (c *comparison) checkTerms(k *known) {
	start := k.start()
	if start == nil {
		return
	}
	same := func(place string, minor int64, currency string) {
		if minor != start.AmountMinor {
			c.differ(place, k.id, "amount_minor", fmt.Sprintf("%d, and %d at the sender", minor, start.AmountMinor))
		}
		if currency != start.Currency {
			c.differ(place, k.id, "currency", fmt.Sprintf("%s, and %s at the sender", currency, start.Currency))
		}
	}
	for _, e := range []*decided{k.taken, k.released, k.credited} {
		if e != nil && e != start {
			same(e.bank, e.AmountMinor, e.Currency)
		}
	}
	if k.hub == nil {
		return
	}
	same(HubName, k.hub.AmountMinor, k.hub.Currency)
	if k.hub.Sender != start.bank {
		c.differ(HubName, k.id, "sender_bank_code", k.hub.Sender+", and the debit is at bank "+start.bank)
	}
	if k.hub.Receiver != start.Counterparty {
		c.differ(HubName, k.id, "receiver_bank_code", k.hub.Receiver+", and the sender paid bank "+start.Counterparty)
	}
}

// checkEnds: a debit has one credit or none, and a release has none.
func (c *comparison) checkEnds(k *known) {
	receiver := ""
	if k.start() != nil {
		receiver = k.start().Counterparty
	}
	if k.captured() && k.credited == nil && c.banks[receiver] {
		c.differ(receiver, k.id, "kind", "the sender has captured the amount, and the receiver has not credited it")
	}
	if k.released != nil && k.credited != nil {
		c.differ(k.released.bank, k.id, "kind", "the sender has the amount again, and the receiver has credited it")
	}
	if k.captured() && k.released != nil {
		c.differ(k.released.bank, k.id, "kind", "the sender has captured the amount and released it")
	}
	if k.credited != nil && k.refused != nil {
		c.differ(k.refused.bank, k.id, "status", "the receiver has credited the amount and refused it")
	}
}

// checkHub: the hub's state is one to which the entries have led, or will lead.
func (c *comparison) checkHub(k *known) {
	decidedAtBank := k.credited != nil || k.refused != nil || k.captured() || k.released != nil
	if k.hub == nil {
		if decidedAtBank {
			c.differ(HubName, k.id, "end_to_end_id", "the hub does not know a payment that a bank has answered")
		}
		return
	}
	say := func(detail string) { c.differ(HubName, k.id, "state", k.hub.State+", and "+detail) }
	final, confirmed := k.hub.State == "COMPLETED", k.hub.State == "COMPLETED" || k.hub.State == "CONFIRMED"
	switch {
	case confirmed && k.credited == nil && c.banks[k.hub.Receiver]:
		say("the receiver has not credited it")
	case final && !k.isReturn() && !k.captured() && c.banks[k.hub.Sender]:
		say("the sender has not captured it")
	case k.captured() && !confirmed:
		say("the sender has captured it")
	case k.released != nil && k.hub.State != "REJECTED":
		say("the sender has the amount again")
	case k.credited != nil && k.hub.State == "REJECTED":
		say("the receiver has credited it")
	}
}
