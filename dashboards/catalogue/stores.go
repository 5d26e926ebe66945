package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func stores() view.Dashboard {
	return board(Stores, "now-7d",
		row{figures, []view.Panel{
			wide(quarter, distinctCount("active-cards", "Active cards", "Different cards that tried to pay. An unknown card does not count.", "card_id")),
			wide(quarter, distinctCount("active-customers", "Active customers", "Different owners of the accounts that payments were requested from.", "customer_id")),
			wide(quarter, distinctCount("active-stores", "Active stores", "Different stores, by their id, that requested a payment.", "merchant_id")),
			wide(quarter, approvedVolume()),
		}},
		row{charts, []view.Panel{wide(whole, annotated(by(showing(
			ofApproved(view.AreaStacked, "volume-by-store", "Approved volume by store over time",
				"The sum of approved amounts of the six stores with the largest sums, and of all others together, stacked."),
			value("volume", "Approved volume", volume(), money)), andOther(topBy("Store", "merchant_name", most, sum("amount_minor"))), overTime())))}},
		row{charts, []view.Panel{
			wide(half, shaded(hourOfWeek("hours", "Payments by weekday and hour (dark: more)", "The number of payments.",
				value("payments", "Payments", count(), wholeNumber)), "more payments", view.First)),
			wide(half, shaded(hourOfWeek("hours-rate", "Approval rate by weekday and hour (dark: better)", "Approved payments divided by all payments.",
				value("rate", "Approval rate", approvalRate(), percent)), "better, a higher approval rate", view.Good)),
		}},
		row{charts, []view.Panel{
			wide(half, approximate(by(showing(
				ofPayments(view.Line, "active-cards-over-time", "Active cards over time", "Different cards that tried to pay in each interval."),
				value("cards", "Active cards", unique("card_id"), wholeNumber)), overTime()), byUnique)),
			wide(half, newAndReturning()),
		}},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofPayments(view.BarHorizontal, "countries", "Payments by the store's country", "By the country that the store states."),
				value("payments", "Payments", count(), wholeNumber)), topValues("Country", "merchant_country", 10))),
			wide(half, by(showing(
				ofApproved(view.BarHorizontal, "categories", "Approved volume by category of store",
					"By merchant category code (ISO 18245). Shown are the ten categories with the largest sums."),
				value("volume", "Approved volume", volume(), money)), topBy("Category", "merchant_category_code", 10, sum("amount_minor")))),
		}},
		row{charts, []view.Panel{wide(half, chargesByMerchant()), wide(half, decisionTimeOfCharges())}},
		row{tables, []view.Panel{wide(whole, approximate(withDrilldowns(by(showing(
			ofMoney(view.Table, "stores", "Stores",
				"The fifty stores with the most payments. Approval rate: approved payments divided by all payments. Average ticket: the mean amount of approved payments."),
			value("payments", "Payments", count(), wholeNumber),
			value("volume", "Approved volume", volume(approved), money),
			coloured(value("rate", "Approval rate", approvalRate(), percent), approvalThresholds),
			value("ticket", "Average ticket", averageTicket(), money),
			value("cards", "Active cards", unique("card_id"), wholeNumber)), topValues("Store", "merchant_name", 50)), Approvals), "active cards: "+byUnique))}},
	)
}

// distinctCount returns a panel that counts the different values of a field.
func distinctCount(id, title, definition, field string) view.Panel {
	return approximate(showing(
		ofPayments(view.Metric, id, title, definition),
		value("number", title, unique(field), wholeNumber),
		change(unique(field), view.Rising),
		value("approved", "with an approval", unique(field, approved), wholeNumber)),
		byUnique)
}

// hourOfWeek returns a heatmap of the hours of a week. Filters name the weekdays,
// because the index has them as numbers.
func hourOfWeek(id, title, definition string, shown view.Value) view.Panel {
	var days []view.Filter
	for i, name := range []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"} {
		days = append(days, view.Filter{Label: name, Query: kql.Is{Field: "weekday", Value: kql.Number(int64(i + 1))}})
	}
	return by(showing(ofPayments(view.Heatmap, id, title, definition+" Weekdays and hours are in UTC."), shown),
		view.Filters{Label: "Weekday", Filters: days}, view.Numbers{Label: "Hour (UTC)", Field: "hour", First: 0, Last: 23})
}

// shaded says what a dark cell of a heatmap means.
func shaded(p view.Panel, dark string, colour view.Colour) view.Panel {
	p.Shade = view.Shade{Dark: dark, Colour: colour}
	return p
}

func newAndReturning() view.Panel {
	p := ofPayments(view.BarStacked, "new-and-returning", "New and returning cards over time",
		"Only approved payments. New: the card had no approved payment before (card_use FIRST). Returning: it had one (LATER). Other: not "+
			"recorded, because the event is from before the bank recorded this.")
	p.Query = kql.And{payments, approved}
	return by(showing(p, value("payments", "Payments", count(), wholeNumber)),
		view.Filters{Label: "Card", Filters: []view.Filter{
			{Label: "New", Query: kql.Is{Field: "card_use", Value: "FIRST"}, Colour: view.First},
			{Label: "Returning", Query: kql.Is{Field: "card_use", Value: "LATER"}, Colour: view.Second},
			{Label: "Other", Query: kql.Not{Query: kql.OneOf{Field: "card_use", Values: []string{"FIRST", "LATER"}}}, Colour: view.Quiet},
		}}, overTime())
}

// ofApproved returns a panel about approved payments in one currency. The query chooses
// them, because values cannot be ordered by a figure with a filter.
func ofApproved(chart view.Chart, id, title, definition string) view.Panel {
	p := ofMoney(chart, id, title, "Only approved payments. "+definition)
	p.Query = kql.And{payments, inCurrency, approved}
	return p
}
