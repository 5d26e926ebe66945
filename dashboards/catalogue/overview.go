package catalogue

import (
	"time"

	"codebank.dev/dashboards/view"
)

func overview() view.Dashboard {
	return board(Overview, "now-24h",
		row{figures, []view.Panel{
			wide(third, rateNow()),
			wide(third, showing(
				ofPayments(view.Metric, "payments", "Payments", "Every try of a payer is one payment."),
				value("payments", "Payments", count(), wholeNumber),
				change(count(), view.Rising),
				value("per-second", "per second", per(count(), "s"), twoDecimals))),
			wide(third, showing(
				ofMoney(view.Metric, "average-ticket", "Average ticket", "The sum of approved amounts divided by the number of approved payments."),
				value("average-ticket", "Average ticket", averageTicket(), money),
				change(view.Ratio(sum("amount_minor", approved), count(approved)), view.Neither))),
		}},
		row{figures, []view.Panel{wide(third, approvedVolume()), wide(third, netVolume()), wide(third, reversedVolume())}},
		row{charts, []view.Panel{
			wide(half, annotated(by(showing(
				ofPayments(view.BarStacked, "payments-by-status", "Payments by status over time", "Approved and declined payments, stacked."),
				value("payments", "Payments", count(), wholeNumber)), andOther(topValues("Status", "status", 5)), overTime()))),
			wide(half, measuring(by(showing(
				ofPayments(view.Line, "approval-rate-over-time", "Approval rate, and that of the day before",
					"Approved payments divided by all payments, and the same rate 24 hours earlier. An interval without payments has no rate."),
				in(view.Good, value("today", "Approval rate", approvalRate(), percent)),
				in(view.Quiet, value("day-before", "The day before", view.Ratio(shifted(count(approved), "1d"), shifted(count(), "1d")), percent))),
				overTime()), "Approval rate (%)")),
		}},
		row{charts, []view.Panel{
			wide(half, volumeOfToday()),
			wide(half, by(showing(
				ofMoney(view.Bar, "amounts", "Payments by amount", "All payments, approved or not, by the requested amount."),
				value("payments", "Payments", count(), wholeNumber)), amountBands())),
		}},
		row{tables, []view.Panel{wide(2*third, topStores()), wide(third, byCurrency())}},
	)
}

// rateNow is the approval rate of the range.
func rateNow() view.Panel {
	return showing(
		ofPayments(view.Metric, "approval-rate", "Approval rate",
			"Approved payments divided by all payments. Payments that the bank's fraud guards stop lower it."),
		coloured(value("rate", "Approval rate", approvalRate(), percent), approvalThresholds),
		changeOfRate(approvalRate(), view.Rising))
}

func approvedVolume() view.Panel {
	p := showing(
		ofMoney(view.Metric, "approved-volume", "Approved volume",
			"The sum of the amounts of approved payments. A hold counts with its whole amount. What is captured of it, and later reversals: see Net volume."),
		value("volume", "Approved volume", volume(approved), wholeMoney),
		change(sum("amount_minor", approved), view.Rising))
	p.Trend = occurredAt
	return p
}

// netVolume is what is left of the sales after the reversals of the same range.
func netVolume() view.Panel {
	net := view.Difference(sum("amount_minor", sales, inCurrency), sum("amount_minor", reversals, inCurrency))
	return showing(
		ofReversals(view.Metric, "net-volume", "Net volume after reversals",
			oneMoney+"The sum of the amounts of sales, minus the sum of the reversed amounts in the same range. The sale of a reversal may lie before the range. "+
				"So the figure is below 0 when more is given back than paid."),
		value("volume", "Net volume", view.Major(net), wholeMoney),
		change(net, view.Rising))
}

// reversedVolume is the volume that stores gave back.
func reversedVolume() view.Panel {
	back := sum("amount_minor", reversals, inCurrency)
	return showing(
		ofReversals(view.Metric, "reversed-volume", "Volume given back", oneMoney+"The sum of the reversed amounts."),
		value("volume", "Given back", view.Major(back), wholeMoney),
		change(back, view.Falling))
}

// volumeOfToday has its own range, because it compares two days whatever range the
// reader chooses.
func volumeOfToday() view.Panel {
	p := measuring(by(showing(
		ofMoney(view.Line, "volume-today", "Approved volume today and yesterday",
			"The sum of approved amounts since midnight on the reader's clock, and of the day before up to the same time. The panel always shows today."),
		in(view.Good, value("today", "Today", view.CumulativeSum{Of: volume(approved)}, money)),
		in(view.Quiet, value("yesterday", "Yesterday", view.CumulativeSum{Of: view.Major(shifted(sum("amount_minor", approved), "1d"))}, money))), overTime()),
		"Approved volume ("+Currency+")")
	p.From = "now/d"
	return p
}

func topStores() view.Panel {
	return withDrilldowns(by(showing(
		ofMoney(view.Table, "top-stores", "Top stores by payments",
			"The nine stores with the most payments, and all others together. Share: the store's share of all payments. Approval rate and average ticket as above."),
		value("payments", "Payments", count(), wholeNumber),
		value("volume", "Volume", volume(approved), money),
		coloured(value("rate", "Approved", approvalRate(), percent), approvalThresholds),
		value("ticket", "Average ticket", averageTicket(), money),
		value("share", "Share", view.Ratio(count(), view.OverallSum{Of: count()}), percent)),
		andOther(topValues("Store", "merchant_name", 9))), Stores, Approvals)
}

// byCurrency keeps the currencies apart: each row has amounts of its own currency, in its
// own major unit.
func byCurrency() view.Panel {
	return by(showing(
		ofPayments(view.Table, "currencies", "Payments by currency",
			"Payments in each currency. Amounts are in the currency of their row, and are never added over the rows. Approved volume: the sum of the amounts of approved payments. "+
				"Minor units are a hundredth, except in currencies without decimals (such as JPY) and with three (such as KWD). Every volume is shown with two decimals."),
		value("payments", "Payments", count(), wholeNumber),
		value("volume", "Volume", volumeOfRow(approved), twoDecimals),
		coloured(value("rate", "Approved", approvalRate(), percent), approvalThresholds)),
		topValues("Currency", "currency", 10))
}

// in gives a series a colour.
func in(colour view.Colour, v view.Value) view.Value {
	v.Colour = colour
	return v
}

// The first and the last year whose pay-days are marked.
const (
	firstYear = 2026
	lastYear  = 2027
)

// advanceDay is the day of a month on which many employers in Brazil pay an advance.
const advanceDay = 20

// annotated marks the pay-days in Brazil, which are busier than others: the fifth business
// day of each month, and the 20th.
func annotated(p view.Panel) view.Panel {
	for year := firstYear; year <= lastYear; year++ {
		for month := time.January; month <= time.December; month++ {
			for _, day := range []time.Time{salaryDay(year, month), time.Date(year, month, advanceDay, 12, 0, 0, 0, time.UTC)} {
				p.Annotations = append(p.Annotations, view.Annotation{ID: "pay-day-" + day.Format(time.DateOnly), Label: "Pay-day", At: day})
			}
		}
	}
	return p
}

// salaryDay returns noon of the fifth business day of a month.
func salaryDay(year int, month time.Month) time.Time {
	day := time.Date(year, month, 1, 12, 0, 0, 0, time.UTC)
	for business := 0; ; day = day.AddDate(0, 0, 1) {
		if day.Weekday() != time.Saturday && day.Weekday() != time.Sunday && !holiday(day) {
			business++
		}
		if business == 5 {
			return day
		}
	}
}

// holiday reports whether a day in the first days of a month is a holiday: the fixed ones,
// and those of the two years that move with Easter.
func holiday(day time.Time) bool {
	switch day.Format("01-02") {
	case "01-01", "05-01", "09-07", "11-02":
		return true
	}
	switch day.Format(time.DateOnly) {
	case "2026-04-03", "2026-06-04": // Good Friday and Corpus Christi.
		return true
	}
	return false
}
