package synthetic

import "time"

// holds say how often the purchases of a category are only authorised at first, of a thousand, and what
// becomes of the amount that is set aside.
type holds struct {
	inThousand int
	// upTo is the multiple to which the amount that is set aside is rounded up, in minor units; 0 for the
	// amount itself.
	upTo int64
	// Of a thousand: parts are captured for less, voids are released, and forgotten are never ended by their
	// merchant. The others are captured for all that is set aside, or for the price if upTo is set.
	parts, voids, forgotten int
	// soonest and latest are when the merchant ends it, after the purchase.
	soonest, latest time.Duration
}

// setAside decides whether the purchase is only authorised, and what becomes of that. What would come during
// the outage comes after it. What would come after the end of the load never comes.
func (v *visit) setAside(of *holds, back *returns) bool {
	if !v.chance(of.inThousand) {
		return false
	}
	price := v.step.AmountMinor
	v.step.Later = v.step.Kind == Purchase
	if of.upTo > 0 {
		v.step.AmountMinor = (price + of.upTo - 1) / of.upTo * of.upTo
	}
	end := v.step.At.Add(of.soonest + millis(v.draw, of.latest-of.soonest))
	if v.load.plan.Outage.Contains(end) {
		end = v.load.plan.Outage.To.Add(millis(v.draw, catchUpTime))
	}
	fate := v.below(1000)
	switch {
	case fate < of.forgotten:
		return true
	case fate < of.forgotten+of.voids:
		v.step.follow(v.load, Step{Kind: Void, At: end})
		return true
	case fate < of.forgotten+of.voids+of.parts:
		price = v.share(price, 40, 95)
	}
	capture := Step{Kind: Capture, At: end, AmountMinor: price}
	if price == v.step.AmountMinor {
		capture.AmountMinor = 0
	}
	v.step.follow(v.load, capture)
	if v.chance(back.refunds) {
		v.refund(back, end, price)
	}
	return true
}
