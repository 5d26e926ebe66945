package catalogue

import (
	"slices"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func approvals() view.Dashboard {
	return board(Approvals, "now-7d",
		row{figures, rates()},
		row{figures, groups()},
		row{charts, []view.Panel{
			wide(third, by(showing(
				ofDeclines(view.Donut, "decline-reasons", "Reasons to decline", "Each reason's share of all declined payments."),
				value("declines", "Declines", count(), wholeNumber)), reason())),
			wide(2*third, by(showing(
				ofDeclines(view.BarPercentage, "decline-mix", "Mix of reasons over time", "Each reason's share of the declined payments of a stretch of time."),
				value("declines", "Declines", count(), wholeNumber)), reason(), overTime())),
		}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.Line, "rate-by-brand", "Approval rate by brand over time",
					"Approved payments divided by all payments of each card brand. An unknown card has the brand of the number that was presented."),
				value("rate", "Approval rate", approvalRate(), percent)), most("Brand", "card_brand", 8), overTime())),
			wide(half, by(showing(
				ofMoney(view.Bar, "rate-by-amount", "Approval rate by amount", "Approved payments divided by all payments of each band of amounts."),
				value("rate", "Approval rate", approvalRate(), percent)), amountBands())),
		}},
		row{charts, []view.Panel{wide(half, lostVolume()), wide(half, funnel())}},
		row{tables, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.Table, "bins", "Ranges of card numbers (BIN): payments, rate, declines",
					"The twenty BINs, the first six digits of a card number, with the most payments. An unknown card has that of the number that was presented; without a number, as by a token, it has none and is left out."),
				value("payments", "Payments", count(), wholeNumber),
				lit(value("rate", "Approval rate", approvalRate(), percent), approvalLights),
				value("soft", "Soft declines", count(Soft.of()), wholeNumber),
				value("hard", "Hard declines", count(Hard.of()), wholeNumber)), most("BIN", "card_bin", 20))),
			wide(half, by(showing(
				ofDeclines(view.Table, "bin-reasons", "The most frequent reason of each BIN",
					"For the twenty BINs with the most declined payments: the reason that most of them have, and how many."),
				value("declines", "Declines", count(), wholeNumber)), most("BIN", "card_bin", 20), most("Reason", "decline_reason", 1))),
		}},
		row{tables, []view.Panel{wide(whole, recentDeclines())}},
	)
}

// ofDeclines is a panel of declined payments.
func ofDeclines(chart view.Chart, id, title, definition string) view.Panel {
	p := ofPayments(chart, id, title, "Only declined payments. "+definition)
	p.Query = kql.And{purchases, declined}
	return p
}

func reason() view.Terms { return most("Reason", "decline_reason", 12) }

// rates are the measures of approval that go by different names elsewhere.
func rates() []view.Panel {
	one := func(p view.Panel, figure view.Expression) view.Panel {
		return wide(quarter, showing(p, lit(value("rate", "Rate", figure, percent), approvalLights)))
	}
	return []view.Panel{
		one(ofPayments(view.Metric, "acceptance-rate", "Approval rate: of all tries",
			"Approved payments divided by all payments, each try for itself. Also called acceptance rate: what the bank's own guards refuse counts against it."),
			approvalRate()),
		one(ofPayments(view.Metric, "authorization-rate", "Authorization rate: without what guards stopped",
			"Approved payments divided by all payments but those that the bank's own guards against fraud stopped: LOCKED (too many wrong guesses) "+
				"and TOO_FREQUENT (too many payments of the card)."),
			view.Ratio(count(approved), count(kql.Not{Query: guarded}))),
		one(ofPayments(view.Metric, "rate-of-purchases", "Approval rate: each purchase once over its retries",
			"Approved payments divided by first tries (attempt 1, or not said). A purchase that was declined and approved on a retry counts as one that was approved. "+
				"A retry whose first try lies before the range counts above only."),
			view.Ratio(count(approved), count(kql.Not{Query: retried}))),
		one(ofMoney(view.Metric, "rate-by-volume", "Approval rate: by volume",
			"The sum of approved amounts divided by the sum of all amounts asked for, each try for itself."),
			view.Ratio(sum("amount_minor", approved), sum("amount_minor"))),
	}
}

// groups are the declines by what they ask of the payer, and what retries brought.
func groups() []view.Panel {
	one := func(group Group, id, title, meaning string) view.Panel {
		return wide(quarter, showing(
			ofPayments(view.Metric, id, title, meaning+" Small: their share of all payments."),
			value("declines", "Declines", count(group.of()), wholeNumber),
			value("share", "of payments", view.Ratio(count(group.of()), count()), percent)))
	}
	return []view.Panel{
		one(Soft, "soft-declines", "Soft declines",
			"Payments that may be approved later as they are: INSUFFICIENT_FUNDS, OVER_PURCHASE_LIMIT, TOO_FREQUENT, LOCKED."),
		one(Hard, "hard-declines", "Hard declines",
			"Payments that can never be approved as they are: UNKNOWN_CARD, NAME_MISMATCH, EXPIRY_MISMATCH, CVV_MISMATCH, EXPIRED, BLOCKED."),
		one(Technical, "technical-declines", "Technical declines",
			"Payments that should not have been sent (AMOUNT_BELOW_MINIMUM), or whose reason is not known here (UNKNOWN)."),
		wide(quarter, showing(
			ofPayments(view.Metric, "recovered", "Recovered by retry: payments and volume",
				"Approved payments that were not the payer's first try (attempt above 1). Small: the sum of their amounts; only "+Currency+" there."),
			value("payments", "Payments", count(approved, retried), wholeNumber),
			value("volume", "volume", volume(approved, retried, inCurrency), money))),
	}
}

func lostVolume() view.Panel {
	p := ofMoney(view.BarHorizontal, "lost-volume", "Volume lost to declines by reason",
		"The sum of the amounts of declined payments by reason. Each try counts: a purchase that was tried three times in vain is lost three times here.")
	p.Query = kql.And{purchases, inCurrency, declined}
	order := sum("amount_minor")
	reasons := reason()
	reasons.By = &order
	return by(showing(p, value("volume", "Lost volume", volume(), money)), reasons)
}

// funnel is the way of a payment through the decision.
func funnel() view.Panel {
	list := []view.Filter{{Label: "Received"}}
	var passed kql.And
	for _, step := range steps {
		passed = append(passed, kql.Not{Query: kql.OneOf{Field: "decline_reason", Values: step.reasons}})
		list = append(list, view.Filter{Label: step.passed, Query: slices.Clone(passed)})
	}
	list = append(list, view.Filter{Label: "Approved", Query: approved})
	return by(showing(
		ofPayments(view.BarHorizontal, "steps", "How far payments come",
			"The steps of the bank's decision, in its order. Received: all. Card accepted: without LOCKED, BLOCKED, UNKNOWN_CARD, EXPIRED and the mismatches of name, "+
				"expiry and CVV. Amount allowed: of these, without AMOUNT_BELOW_MINIMUM and OVER_PURCHASE_LIMIT. Covered by credit: of these, without "+
				"INSUFFICIENT_FUNDS. Approved: of these, those that were not TOO_FREQUENT."),
		value("payments", "Payments", count(), wholeNumber)), view.Filters{Label: "Step", Filters: list})
}

func recentDeclines() view.Panel {
	p := ofDeclines(view.Documents, "recent-declines", "Declined payments, newest first",
		"Single events. The trace id leads to all events of the same request.")
	p.Documents = view.DocumentList{ID: "declined-payments", Newest: occurredAt, Fields: []string{
		"merchant_name", "amount_minor", "currency", "decline_reason", "card_brand", "card_bin", "card_last4", "attempt", "trace_id",
	}}
	return p
}
