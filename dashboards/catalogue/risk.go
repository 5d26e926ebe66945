package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// What counts as a high score, and as a small amount in minor units: the amount up to
// which the bank suspects that a card is tested.
const (
	highScore   = 60
	smallAmount = 500
)

func risk() view.Dashboard {
	high := kql.Compare{Field: "risk_score", Operator: kql.GreaterOrEqual, Value: kql.Number(highScore)}
	flagged := func(id, title, definition string, which kql.Query) view.Panel {
		return wide(quarter, showing(
			ofPayments(view.Metric, id, title, definition+" The score is advice: by itself it declines nothing. Small: how many of them were approved all the same."),
			value("payments", "Payments", count(which), wholeNumber),
			value("approved", "approved", count(which, approved), wholeNumber)))
	}
	return board(Risk, "now-7d",
		row{figures, []view.Panel{
			flagged("high-scores", "Payments with a high score", "Payments with a risk score of 60 or more, of 100.", high),
			flagged("card-testing", "Payments that look like card testing", "Payments whose score came from the rule CARD_TESTING.",
				kql.Is{Field: "risk_rule", Value: "CARD_TESTING"}),
			flagged("velocity", "Payments that come too fast", "Payments whose score came from the rule VELOCITY.", kql.Is{Field: "risk_rule", Value: "VELOCITY"}),
			wide(quarter, showing(
				ofPayments(view.Metric, "guarded", "Payments stopped by the bank's guards",
					"Declined as LOCKED (too many wrong guesses) or TOO_FREQUENT (too many payments of the card). Small: their share of all payments."),
				value("payments", "Payments", count(guarded), wholeNumber),
				value("share", "of payments", view.Ratio(count(guarded), count()), percent))),
		}},
		row{figures, givenBack()},
		row{charts, []view.Panel{wide(half, velocity()), wide(half, smallDeclines())}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.BarStacked, "scores", "Payments by risk score", "Payments that have a score, by score and status."),
				value("payments", "Payments", count(), wholeNumber)), most("Status", "status", 5), scores())),
			wide(half, by(showing(
				ofPayments(view.BarStacked, "rules", "Payments by the rule that gave the score, and status",
					"NONE: no rule applied. Payments of before scores were recorded have no rule and are left out."),
				value("payments", "Payments", count(), wholeNumber)), most("Status", "status", 5), most("Rule", "risk_rule", 5))),
		}},
		row{charts, []view.Panel{wide(whole, reversalsOverTime())}},
		row{tables, []view.Panel{wide(whole, approximate(by(showing(
			ofPayments(view.Table, "busy-cards", "Cards with the most tries",
				"The twenty cards with the most payments, approved or not. Amount: the sum of all amounts asked for; only "+Currency+" there. Highest score: of any of its payments."),
			value("payments", "Tries", count(), wholeNumber),
			value("declined", "Declined", count(declined), wholeNumber),
			value("amount", "Amount asked for", volume(inCurrency), money),
			value("score", "Highest score", largest("risk_score"), wholeNumber)), most("Card", "card_id", 20)),
			"a range that touches two months may miss tries of a card that is not among the first thousand of one of them."))}},
	)
}

func scores() view.Ranges {
	return view.Ranges{Label: "Score", Field: "risk_score", Ranges: []view.Range{
		{Label: "0", From: 0, Below: 1}, {Label: "1 to 19", From: 1, Below: 20}, {Label: "20 to 39", From: 20, Below: 40},
		{Label: "40 to 59", From: 40, Below: highScore}, {Label: "60 to 79", From: highScore, Below: 80}, {Label: "80 to 100", From: 80},
	}}
}

// velocity has a range and an interval of its own, so that it is a minute that is
// counted.
func velocity() view.Panel {
	p := ofDeclines(view.Line, "declines-per-minute", "Declines per minute of the last three hours, and the usual",
		"Declined payments in each minute. The usual: the mean of the six minutes before, so that a jump stands out. Always shows the last three hours.")
	p.From = "now-3h"
	return by(showing(p,
		value("declines", "Declines", count(), wholeNumber),
		value("usual", "Mean of the six minutes before", view.MovingAverage{Of: count(), Window: 6}, twoDecimals)),
		view.Time{Label: "Time", Field: occurredAt, Interval: "1m"})
}

func smallDeclines() view.Panel {
	p := ofMoney(view.Line, "small-declines", "Declined payments of small amounts by BIN",
		"Declined payments of at most 5.00, what the rule CARD_TESTING calls small, over time, for the five BINs that have the most of them, unknown cards "+
			"included: many at once are how stolen card numbers are tried out.")
	p.Query = kql.And{purchases, inCurrency, declined, kql.Compare{Field: "amount_minor", Operator: kql.LessOrEqual, Value: kql.Number(smallAmount)}}
	return by(showing(p, value("declines", "Declines", count(), wholeNumber)), most("BIN", "card_bin", 5), overTime())
}

// ofReversals is a panel of payments and of what gave them back.
func ofReversals(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions,
		Definition: "Of reversals, approved events of kind REVERSAL (the store gives back) and VOID (the store ends a payment it is not sure of), each when it happened. " + definition,
		Query:      kql.And{kql.OneOf{Field: "kind", Values: []string{"PURCHASE", "REVERSAL", "VOID"}}, approved},
	}
}

func givenBack() []view.Panel {
	amount := ofReversals(view.Metric, "reversed-volume", "Volume given back", oneMoney+"The sum of their amounts.")
	byVolume := ofReversals(view.Metric, "reversal-rate-by-volume", "Reversal rate: by volume",
		oneMoney+"Their amounts divided by the amounts of approved payments of the same range.")
	return []view.Panel{
		wide(quarter, showing(ofReversals(view.Metric, "reversals", "Reversals", "There are no chargebacks: the bank has no such event."),
			value("reversals", "Reversals", count(reversals), wholeNumber))),
		wide(quarter, showing(amount, value("volume", "Given back", volume(reversals, inCurrency), money))),
		wide(quarter, showing(
			ofReversals(view.Metric, "reversal-rate", "Reversal rate: by count",
				"Their number divided by the number of approved payments of the same range, so a reversal may count against a payment of before."),
			value("rate", "Reversal rate", view.Ratio(count(reversals), count(purchases)), percent))),
		wide(quarter, showing(byVolume,
			value("rate", "Reversal rate", view.Ratio(sum("amount_minor", reversals, inCurrency), sum("amount_minor", purchases, inCurrency)), percent))),
	}
}

func reversalsOverTime() view.Panel {
	p := ofReversals(view.BarStacked, "reversals-over-time", "Reversals over time by kind", "")
	p.Query = kql.And{reversals, approved}
	return by(showing(p, value("reversals", "Reversals", count(), wholeNumber)), most("Kind", "kind", 2), overTime())
}
