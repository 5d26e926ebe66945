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

// giveBack decides whether the purchase is given back, and when. A reversal that would come
// during the outage or after the end never comes.
func (v *visit) giveBack(of *returns) {
	var back time.Time
	var why string
	switch at := v.below(1000); {
	case at < of.voids:
		back, why = v.step.At.Add(soonestVoid+millis(v.draw, latestVoid-soonestVoid)), voided
	case at < of.voids+of.refunds:
		// The shorter of two times, because most goods come back soon.
		span := time.Duration(of.latest-of.soonest) * time.Hour
		back, why = v.step.At.Add(time.Duration(of.soonest)*time.Hour+min(millis(v.draw, span), millis(v.draw, span))), refunded
	default:
		return
	}
	if back.Before(v.load.plan.End) && !v.load.plan.Outage.Contains(back) {
		v.step.backAt, v.step.backWhy = back, why
	}
}
