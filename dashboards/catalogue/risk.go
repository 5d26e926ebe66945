package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// The bounds of a high score and, in minor units, of a small amount. Up to the small
// amount, the bank suspects that somebody tests a card.
const (
	highScore   = 60
	smallAmount = 500
)

func risk() view.Dashboard {
	high := kql.Compare{Field: "risk_score", Operator: kql.GreaterOrEqual, Value: kql.Number(highScore)}
	flagged := func(id, title, definition string, which kql.Query) view.Panel {
		return wide(quarter, showing(
			ofPayments(view.Metric, id, title, definition+" The score is advice and declines nothing by itself. Approved: how many of these payments were approved."),
			value("payments", "Payments", count(which), wholeNumber),
			change(count(which), view.Falling),
			value("approved", "approved", count(which, approved), wholeNumber)))
	}
	return board(Risk, "now-7d",
		row{figures, []view.Panel{
			flagged("high-scores", "High risk scores", "Payments with a risk score of 60 or more, of 100.", high),
			flagged("card-testing", "Like card testing", "Payments whose score came from the rule CARD_TESTING.",
				kql.Is{Field: "risk_rule", Value: "CARD_TESTING"}),
			flagged("velocity", "Too fast", "Payments whose score came from the rule VELOCITY.", kql.Is{Field: "risk_rule", Value: "VELOCITY"}),
			wide(quarter, showing(
				ofPayments(view.Metric, "guarded", "Stopped by guards",
					"Declined as LOCKED (too many wrong guesses) or TOO_FREQUENT (too many payments of the card)."),
				value("payments", "Payments", count(guarded), wholeNumber),
				change(count(guarded), view.Falling),
				value("share", "of payments", view.Ratio(count(guarded), count()), percent))),
		}},
		row{figures, givenBack()},
		row{charts, []view.Panel{wide(half, velocity()), wide(half, smallDeclines())}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.BarStacked, "scores", "Payments by risk score, without score 0",
					"Payments with a score of 1 or more, by score and status. Score 0 is left out: most payments have it, and beside it no other bar can be seen."),
				value("payments", "Payments", count(), wholeNumber)), andOther(topValues("Status", "status", 5)), scores())),
			wide(half, ruled()),
		}},
		row{charts, []view.Panel{wide(whole, reversalsOverTime())}},
		row{tables, []view.Panel{wide(whole, approximate(by(showing(
			ofPayments(view.Table, "busy-cards", "Cards with the most tries",
				"The twenty cards with the most payments, approved or not. Amount: the sum of all requested amounts, in "+Currency+" only. Highest score: the highest of all payments of the card."),
			value("payments", "Tries", count(), wholeNumber),
			value("declined", "Declined", count(declined), wholeNumber),
			value("amount", "Amount asked for", volume(inCurrency), money),
			value("score", "Highest score", largest("risk_score"), wholeNumber)), topValues("Card", "card_id", 20)),
			"if a range touches two months, tries of a card can be missing when the card is not among the first thousand in one of the months."))}},
	)
}

// ruled leaves out the payments that no rule applied to, because they are most payments.
func ruled() view.Panel {
	p := ofPayments(view.BarStacked, "rules", "Payments by the risk rule that applied",
		"Payments whose score came from a rule, by rule and status. Payments that no rule applied to (NONE), or from before the bank recorded scores, are left out.")
	p.Query = kql.And{payments, kql.Not{Query: kql.Is{Field: "risk_rule", Value: "NONE"}}}
	return by(showing(p, value("payments", "Payments", count(), wholeNumber)), andOther(topValues("Status", "status", 5)), topValues("Rule", "risk_rule", 5))
}

func scores() view.Ranges {
	return view.Ranges{Label: "Score", Field: "risk_score", Ranges: []view.Range{
		{Label: "1 to 19", From: 1, Below: 20}, {Label: "20 to 39", From: 20, Below: 40},
		{Label: "40 to 59", From: 40, Below: highScore}, {Label: "60 to 79", From: highScore, Below: 80}, {Label: "80 to 100", From: 80},
	}}
}

// velocity has its own range and its own interval, so that it counts by the minute.
func velocity() view.Panel {
	p := ofDeclines(view.Line, "declines-per-minute", "Declines per minute, and the usual",
		"Declined payments in each minute. The usual: the mean of the six minutes before, so that a jump stands out. The panel always shows the last three hours.")
	p.From = "now-3h"
	return measuring(by(showing(p,
		in(view.Bad, value("declines", "Declines", count(), wholeNumber)),
		in(view.Quiet, value("usual", "The usual", view.MovingAverage{Of: count(), Window: 6}, twoDecimals))),
		view.Time{Label: "Time", Field: occurredAt, Interval: "1m"}), "Declines per minute")
}

func smallDeclines() view.Panel {
	p := ofMoney(view.Line, "small-declines", "Declined payments of small amounts by BIN",
		"Declined payments of at most 5.00, which the rule CARD_TESTING calls small, over time. Shown are the five BINs that have the most of them. Unknown cards "+
			"count too. Many at once are a sign that somebody tries out stolen card numbers.")
	p.Query = kql.And{payments, inCurrency, declined, kql.Compare{Field: "amount_minor", Operator: kql.LessOrEqual, Value: kql.Number(smallAmount)}}
	return by(showing(p, value("declines", "Declines", count(), wholeNumber)), topValues("BIN", "card_bin", 5), overTime())
}

// ofReversals returns a panel about sales and their reversals.
func ofReversals(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions,
		Definition: "Covers sales, which are approved events of kind PURCHASE and CAPTURE (the store takes what a hold has set aside), and reversals, which are approved events " +
			"of kind REVERSAL (the store gives money back) and VOID (the store ends a payment whose outcome it does not know). A void that only releases a hold gives nothing " +
			"back, and transfers have no store. Each counts at its own time. " + definition,
		Query: kql.And{kql.Or{sales, reversals}, approved},
	}
}

func givenBack() []view.Panel {
	rate := view.Ratio(count(reversals), count(sales))
	byVolume := view.Ratio(sum("amount_minor", reversals, inCurrency), sum("amount_minor", sales, inCurrency))
	return []view.Panel{
		wide(quarter, showing(ofReversals(view.Metric, "reversals", "Reversals", "There are no chargebacks, because the bank has no such event."),
			value("reversals", "Reversals", count(reversals), wholeNumber), change(count(reversals), view.Falling))),
		wide(quarter, reversedVolume()),
		wide(quarter, showing(
			ofReversals(view.Metric, "reversal-rate", "Reversal rate: by count",
				"The number of reversals divided by the number of sales in the same range. The sale of a reversal may lie before the range."),
			value("rate", "Reversal rate", rate, percent), changeOfRate(rate, view.Falling))),
		wide(quarter, showing(
			ofReversals(view.Metric, "reversal-rate-by-volume", "Reversal rate: by volume",
				oneMoney+"The reversed amounts divided by the amounts of sales in the same range."),
			value("rate", "Reversal rate", byVolume, percent), changeOfRate(byVolume, view.Falling))),
	}
}

func reversalsOverTime() view.Panel {
	p := ofReversals(view.BarStacked, "reversals-over-time", "Reversals over time by kind", "")
	p.Query = kql.And{reversals, approved}
	return by(showing(p, value("reversals", "Reversals", count(), wholeNumber)), andOther(topValues("Kind", "kind", 2)), overTime())
}
