package synthetic

import "time"

// returns say how often the purchases of a category are given back, of a thousand.
type returns struct {
	// voids are given back within minutes: a wrong amount, or a customer who changes her mind.
	voids int
	// refunds are given back after some days: goods that come back, journeys that are cancelled.
	refunds int
	// soonest and latest are when a refund comes, in hours after the purchase.
	soonest, latest int
}

// The descriptions of reversals.
const (
	voided   = "Estorno"
	refunded = "Devolução"
)

// The time from a purchase to its void.
const (
	soonestVoid = time.Minute
	latestVoid  = 40 * time.Minute
)

// inPart is how many refunds of a thousand give only a part back.
const inPart = 300

// giveBack decides whether the purchase is given back, and when.
func (v *visit) giveBack(of *returns) {
	switch at := v.below(1000); {
	case at < of.voids:
		v.goBack(v.step.At.Add(soonestVoid+millis(v.draw, latestVoid-soonestVoid)), 0, voided)
	case at < of.voids+of.refunds:
		v.refund(of, v.step.At, v.step.AmountMinor)
	}
}

// refund gives a charge of that time back later, or a part of it.
func (v *visit) refund(of *returns, charged time.Time, amount int64) {
	// The shorter of two times, because most goods come back soon.
	span := time.Duration(of.latest-of.soonest) * time.Hour
	at := charged.Add(time.Duration(of.soonest)*time.Hour + min(millis(v.draw, span), millis(v.draw, span)))
	part := int64(0)
	if v.chance(inPart) {
		part = v.share(amount, 10, 90)
	}
	v.goBack(at, part, refunded)
}

// share draws a part of an amount between two hundredths of it.
func (d draw) share(amount int64, least, most int) int64 {
	return max(amount*int64(d.between(least, most))/100, 1)
}

// goBack lets a reversal follow the step, all of it if amount is 0. One that would come during the outage or
// after the end never comes.
func (v *visit) goBack(at time.Time, amount int64, why string) {
	if !v.load.plan.Outage.Contains(at) {
		v.step.follow(v.load, Step{Kind: Reversal, At: at, AmountMinor: amount, Description: why})
	}
}
