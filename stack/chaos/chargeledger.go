package chaos

import (
	"fmt"

	"github.com/google/uuid"
)

// chargeCheck compares the entries of the payment processor with the live charges of merchants.
type chargeCheck struct {
	load *load
	// entries are the entries of each request id: those of charges and of operations.
	entries map[uuid.UUID][]entryRow
	// captures and voids are what became of a purchase, by its transaction.
	captures, voids map[[16]byte]int64
	// approved is how many live charges the bank has approved; entered is how many entries there are.
	approved, entered int64
	// paid is how many live payouts the bank has paid.
	paid int64
}

func newChargeCheck(l *load) *chargeCheck {
	return &chargeCheck{
		load: l, entries: make(map[uuid.UUID][]entryRow), captures: make(map[[16]byte]int64), voids: make(map[[16]byte]int64),
	}
}

// add reads an entry of the processor.
func (b *chargeCheck) add(e *entryRow) {
	b.entered++
	name, err := uuid.Parse(e.request)
	if err != nil {
		b.load.observed.report("I4", "entry %s of the payment processor has the request %s", uuid.UUID(e.transaction), e.request)
		return
	}
	b.entries[name] = append(b.entries[name], *e)
	if e.original == nil || e.status != statusApproved {
		return
	}
	switch e.kind {
	case kindCapture:
		b.captures[*e.original] += e.amount
	case kindVoid, kindExpiry:
		b.voids[*e.original]++
	}
}

// check compares each charge with its purchase, its refunds with those of the bank, and payouts with deposits.
func (b *chargeCheck) check() {
	b.checkPayouts()
	for _, c := range b.load.charges.all {
		if c.accepted == nil {
			continue // resolveCharges has reported it.
		}
		if c.till.isLive() {
			b.load.observed.reportIf(b.compare(c), chargesAtBank)
		} else if len(b.entries[c.id]) > 0 {
			b.load.observed.report(chargesAtBank, "%s of test mode is at the bank as %+v", c.key, b.entries[c.id][0])
		}
		delete(b.entries, c.id)
		for _, o := range c.operations {
			delete(b.entries, o.id)
		}
	}
	for name, of := range b.entries {
		b.load.observed.report(chargesAtBank, "the bank has entries of the request %s, for which nobody asked: %+v", name, of[0])
	}
}

// compare returns how the purchase of a live charge differs from it. A charge that was approved or authorized has one
// purchase of its amount. Of one that was rejected nothing is kept.
func (b *chargeCheck) compare(c *charged) string {
	var approved []entryRow
	for _, e := range b.entries[c.id] {
		if e.status == statusApproved && (e.kind == kindPurchase || e.kind == kindHold) {
			approved = append(approved, e)
		}
	}
	if c.seen.Status == chargeRejected {
		for _, e := range approved {
			if b.voids[e.transaction] == 0 {
				return fmt.Sprintf("%s was rejected, and the bank keeps its purchase %s of %d", c.key, uuid.UUID(e.transaction), e.amount)
			}
		}
		return ""
	}
	wanted := int16(kindHold)
	if c.capture {
		wanted = kindPurchase
	}
	if len(approved) != 1 || approved[0].amount != c.amount || approved[0].kind != wanted {
		return fmt.Sprintf("%s of %d is %s, and the bank has of it %+v", c.key, c.amount, c.seen.Status, approved)
	}
	b.approved++
	captured := b.captures[approved[0].transaction]
	isEnded := b.voids[approved[0].transaction] > 0 && captured == 0 // What a capture leaves is released, too.
	if c.capture {
		captured = c.amount
	}
	ended := c.seen.Status == chargeVoided || c.seen.Status == chargeExpired
	if captured != c.seen.CapturedMinor || isEnded != ended {
		return fmt.Sprintf("%s of %d is %s with %d captured; at the bank %d are captured, and it was released: %v",
			c.key, c.amount, c.seen.Status, c.seen.CapturedMinor, captured, isEnded)
	}
	if back := b.givenBack(c); back != c.seen.RefundedMinor {
		return fmt.Sprintf("%s of %d has %d refunded, and at the bank %d", c.key, c.amount, c.seen.RefundedMinor, back)
	}
	return ""
}

// givenBack is what the bank has given back by the refunds of a charge.
func (b *chargeCheck) givenBack(c *charged) (sum int64) {
	for _, o := range c.operations {
		if o.accepted == nil {
			continue
		}
		for _, e := range b.entries[o.id] {
			if e.kind == kindReversal && e.status == statusApproved {
				sum += e.amount
			}
		}
	}
	return sum
}

// chargeResults are the results on merchants' charges.
func (r *run) chargeResults(b *chargeCheck) []Result {
	c := &r.load.charges
	statuses := make(map[string]int64)
	for _, one := range c.all {
		statuses[one.seen.Status]++
	}
	return []Result{
		{ID: chargesKept, Name: "a charge that was accepted is never lost", Count: c.accepted.Load(), Checked: fmt.Sprintf(
			"%d charges and %d operations of %d merchants accepted, each shown in the end; %d repeats of their keys, each answered word for word; %d other requests under a used key refused; %d operations refused by the rules",
			c.accepted.Load(), c.operations.Load(), chargingMerchants, c.repeats.Load(), c.reuses.Load(), c.refusals.Load())},
		{ID: chargesDecided, Name: "each charge is decided once", Count: c.tables.charges, Checked: fmt.Sprintf(
			"%d charges: %d approved, %d authorized, %d voided, %d rejected, each as its card demands; %d events without a gap; no key of card data is left; %d looks at the tables under load; %d reads of single charges",
			c.tables.charges, statuses[chargeApproved], statuses[chargeAuthorized], statuses[chargeVoided], statuses[chargeRejected], c.tables.events, c.samples.Load(), c.reads.Load())},
		{ID: chargeSums, Name: "refunds are never more than was captured", Count: c.samples.Load(), Checked: fmt.Sprintf(
			"refunds and balances by their charges, %d times under load and in the end", c.samples.Load())},
		{ID: chargesAtBank, Name: "live charges are the bank's purchases", Count: b.approved, Checked: fmt.Sprintf(
			"%d approved live charges, each one purchase of its amount, captured and given back as the bank says; %d live payouts, each one deposit; %d entries, and none is of test mode", b.approved, b.paid, b.entered)},
	}
}
