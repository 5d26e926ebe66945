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
				ofDeclines(view.BarHorizontal, "decline-reasons", "Reasons to decline", "How many declined payments have each reason."),
				value("declines", "Declines", count(), wholeNumber)), reason())),
			wide(2*third, measuring(by(showing(
				ofDeclines(view.BarPercentage, "decline-mix", "Mix of reasons over time",
					"Each reason's share of the declined payments in each interval: the six most frequent reasons, and all others together."),
				value("declines", "Declines", count(), wholeNumber)), andOther(topValues("Reason", "decline_reason", most)), overTime()), "Share of declines (%)")),
		}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.Line, "rate-by-brand", "Approval rate by brand over time",
					"Approved payments divided by all payments, for the six card brands with the most payments and for all others together. An unknown card counts under the brand of the card number that was presented."),
				value("rate", "Approval rate", approvalRate(), percent)), andOther(topValues("Brand", "card_brand", most)), overTime())),
			wide(half, measuring(by(showing(
				ofMoney(view.Bar, "rate-by-amount", "Approval rate by amount", "Approved payments divided by all payments, for each band of amounts."),
				value("rate", "Approval rate", approvalRate(), percent)), amountBands()), "%")),
		}},
		row{charts, []view.Panel{wide(half, lostVolume()), wide(half, funnel())}},
		row{tables, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.Table, "bins", "Payments by range of card numbers (BIN)",
					"The twenty BINs with the most payments. A BIN is the first six digits of a card number. An unknown card counts under the BIN of the number that was presented. "+
						"An unknown card that was presented without a number, such as by token, has no BIN and is left out."),
				value("payments", "Payments", count(), wholeNumber),
				coloured(value("rate", "Approval rate", approvalRate(), percent), approvalThresholds),
				value("soft", "Soft declines", count(Soft.of()), wholeNumber),
				value("hard", "Hard declines", count(Hard.of()), wholeNumber)), topValues("BIN", "card_bin", 20))),
			wide(half, by(showing(
				ofDeclines(view.Table, "bin-reasons", "The most frequent reason of each BIN",
					"The twenty BINs with the most declined payments, the most frequent reason of each, and how many declines have it."),
				value("declines", "Declines", count(), wholeNumber)), topValues("BIN", "card_bin", 20), topValues("Reason", "decline_reason", 1))),
		}},
		row{tables, []view.Panel{wide(whole, recentDeclines())}},
	)
}

// ofDeclines returns a panel about declined payments.
func ofDeclines(chart view.Chart, id, title, definition string) view.Panel {
	p := ofPayments(chart, id, title, "Only declined payments. "+definition)
	p.Query = kql.And{payments, declined}
	return p
}

func reason() view.Terms { return topValues("Reason", "decline_reason", 12) }

// rates are measures of approval that have different names elsewhere.
func rates() []view.Panel {
	one := func(p view.Panel, figure view.Expression) view.Panel {
		return wide(quarter, showing(p, coloured(value("rate", "Rate", figure, percent), approvalThresholds), changeOfRate(figure, view.Rising)))
	}
	return []view.Panel{
		one(ofPayments(view.Metric, "acceptance-rate", "Approval rate: every try",
			"Approved payments divided by all payments. Each try counts. Also called acceptance rate. Payments that the bank's fraud guards stop lower it."),
			approvalRate()),
		one(ofPayments(view.Metric, "authorization-rate", "Authorization rate",
			"Approved payments divided by all payments except those that the bank's fraud guards stopped: LOCKED (too many wrong guesses) "+
				"and TOO_FREQUENT (too many payments of the card)."),
			view.Ratio(count(approved), count(kql.Not{Query: guarded}))),
		one(ofPayments(view.Metric, "rate-of-purchases", "Approval rate: per purchase",
			"Approved payments divided by first tries (attempt 1, or no attempt number). A purchase that was declined and then approved on a retry counts as approved once. "+
				"A retry whose first try lies before the range counts in the numerator only."),
			view.Ratio(count(approved), count(kql.Not{Query: retried}))),
		one(ofMoney(view.Metric, "rate-by-volume", "Approval rate: by volume",
			"The sum of approved amounts divided by the sum of all requested amounts. Each try counts."),
			view.Ratio(sum("amount_minor", approved), sum("amount_minor"))),
	}
}

// groups are the declines by what they ask of the payer, and the payments that a retry
// recovered.
func groups() []view.Panel {
	one := func(group Group, id, title, meaning string) view.Panel {
		return wide(quarter, showing(
			ofPayments(view.Metric, id, title, meaning),
			value("declines", "Declines", count(group.of()), wholeNumber),
			change(count(group.of()), view.Falling),
			value("share", "of payments", view.Ratio(count(group.of()), count()), percent)))
	}
	return []view.Panel{
		one(Soft, "soft-declines", "Soft declines",
			"Declined payments that the bank may approve later, unchanged: INSUFFICIENT_FUNDS, OVER_PURCHASE_LIMIT, TOO_FREQUENT, LOCKED."),
		one(Hard, "hard-declines", "Hard declines",
			"Declined payments that the bank can never approve unchanged: UNKNOWN_CARD, NAME_MISMATCH, EXPIRY_MISMATCH, CVV_MISMATCH, EXPIRED, BLOCKED, ACCOUNT_CLOSED."),
		one(Technical, "technical-declines", "Technical declines",
			"Declined payments that should not have been sent (AMOUNT_BELOW_MINIMUM), or whose reason is unknown here (UNKNOWN)."),
		wide(quarter, showing(
			ofPayments(view.Metric, "recovered", "Recovered by retry",
				"Approved payments that were not the payer's first try (attempt above 1). Volume: the sum of their amounts, in "+Currency+" only."),
			value("payments", "Payments", count(approved, retried), wholeNumber),
			change(count(approved, retried), view.Rising),
			value("volume", "volume", volume(approved, retried, inCurrency), money))),
	}
}

func lostVolume() view.Panel {
	p := ofMoney(view.BarHorizontal, "lost-volume", "Volume lost to declines by reason",
		"The sum of the amounts of declined payments by reason. Each try counts: a purchase that failed three times counts three times.")
	p.Query = kql.And{payments, inCurrency, declined}
	order := sum("amount_minor")
	reasons := reason()
	reasons.By = &order
	return by(showing(p, value("volume", "Lost volume", volume(), money)), reasons)
}

// funnel shows how many payments pass each step of the decision.
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
			"The steps of the bank's decision, in their order. Received: all payments. Card accepted: payments not declined as LOCKED, BLOCKED, UNKNOWN_CARD, "+
				"EXPIRED, or for a mismatch of name, expiry or CVV. Amount allowed: of these, payments not declined as AMOUNT_BELOW_MINIMUM or "+
				"OVER_PURCHASE_LIMIT. Covered by credit: of these, payments not declined as INSUFFICIENT_FUNDS. Approved: of these, payments not declined "+
				"as TOO_FREQUENT."),
		value("payments", "Payments", count(), wholeNumber)), view.Filters{Label: "Step", Filters: list})
}

func recentDeclines() view.Panel {
	p := ofDeclines(view.Documents, "recent-declines", "Declined payments, newest first",
		"Single events. The link of a row shows all events of the same transaction.")
	p.Documents = view.DocumentList{ID: "declined-payments", Newest: occurredAt, Fields: []string{
		"merchant_name", "amount_minor", "currency", "decline_reason", "card_brand", "card_bin", "card_last4", "attempt", "transaction_id",
	}, Widths: map[string]int{
		"merchant_name": 220, "amount_minor": 110, "currency": 90, "decline_reason": 150, "card_brand": 140, "card_bin": 80, "card_last4": 90, "attempt": 60,
	}}
	return p
}
