package catalogue

import "codebank.dev/dashboards/view"

func overview() view.Dashboard {
	return board(Overview, "now-24h",
		row{figures, []view.Panel{
			wide(quarter, rateNow()),
			wide(quarter, approvedVolume()),
			wide(quarter, showing(
				ofPayments(view.Metric, "payments", "Payments, and per second", "Every try of a payer is one payment. Small figure: payments divided by the seconds of the range."),
				value("payments", "Payments", count(), wholeNumber),
				value("per-second", "per second", per(count(), "s"), twoDecimals))),
			wide(quarter, showing(
				ofMoney(view.Metric, "average-ticket", "Average ticket", "The sum of approved amounts divided by the number of approved payments."),
				value("average-ticket", "Average ticket", averageTicket(), money))),
		}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.BarStacked, "payments-by-status", "Payments by status over time", "Approved and declined payments, stacked."),
				value("payments", "Payments", count(), wholeNumber)), topValues("Status", "status", 5), overTime())),
			wide(half, by(showing(
				ofPayments(view.Line, "approval-rate-over-time", "Approval rate, and that of the day before",
					"Approved payments divided by all payments, and the same rate 24 hours earlier. An interval without payments has no rate."),
				value("today", "Approval rate", approvalRate(), percent),
				value("day-before", "the day before", view.Ratio(shifted(count(approved), "1d"), shifted(count(), "1d")), percent)), overTime())),
		}},
		row{charts, []view.Panel{
			wide(half, volumeOfToday()),
			wide(half, by(showing(
				ofMoney(view.Bar, "amounts", "Payments by amount", "All payments, approved or not, by the requested amount."),
				value("payments", "Payments", count(), wholeNumber)), amountBands())),
		}},
		row{tables, []view.Panel{wide(whole, topStores())}},
	)
}

// rateNow is the approval rate of the range and of its last 15 minutes.
func rateNow() view.Panel {
	return showing(
		ofPayments(view.Metric, "approval-rate", "Approval rate, and of the last 15 minutes",
			"Approved payments divided by all payments. Payments that the bank's fraud guards stop lower it. Small figure: the last 15 minutes of the range. "+
				"Green from 90 %, red below 80 %."),
		coloured(value("rate", "Approval rate", approvalRate(), percent), approvalThresholds),
		value("last-15m", "last 15 min", view.Ratio(within(count(approved), "15m"), within(count(), "15m")), percent))
}

func approvedVolume() view.Panel {
	p := showing(
		ofMoney(view.Metric, "approved-volume", "Approved volume",
			"The sum of the amounts of approved payments. Later reversals are not subtracted; the dashboard Risk shows them."),
		value("volume", "Approved volume", volume(approved), money))
	p.Trend = occurredAt
	return p
}

// volumeOfToday has its own range, because it compares two days whatever range the
// reader chooses.
func volumeOfToday() view.Panel {
	p := by(showing(
		ofMoney(view.Line, "volume-today", "Approved volume of today, added up, against yesterday",
			"The sum of approved amounts since midnight on the reader's clock, and of the day before up to the same time. The panel always shows today."),
		value("today", "Today", view.CumulativeSum{Of: volume(approved)}, money),
		value("yesterday", "Yesterday", view.CumulativeSum{Of: view.Major(shifted(sum("amount_minor", approved), "1d"))}, money)), overTime())
	p.From = "now/d"
	return p
}

func topStores() view.Panel {
	return withDrilldowns(by(showing(
		ofMoney(view.Table, "top-stores", "Top stores by payments",
			"The twenty stores with the most payments. Share: the store's share of the payments of the stores shown. Approval rate and average ticket as above."),
		value("payments", "Payments", count(), wholeNumber),
		value("volume", "Approved volume", volume(approved), money),
		coloured(value("rate", "Approval rate", approvalRate(), percent), approvalThresholds),
		value("ticket", "Average ticket", averageTicket(), money),
		value("share", "Share of payments", view.Ratio(count(), view.OverallSum{Of: count()}), percent)),
		topValues("Store", "merchant_name", 20)), Stores, Approvals)
}
