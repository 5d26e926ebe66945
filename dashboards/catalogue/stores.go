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
		row{charts, []view.Panel{wide(whole, by(showing(
			ofMoney(view.AreaStacked, "volume-by-store", "Approved volume by store over time",
				"The sum of approved amounts of the ten stores with the most payments, stacked. Other stores are left out."),
			value("volume", "Approved volume", volume(approved), money)), topValues("Store", "merchant_name", 10), overTime()))}},
		row{charts, []view.Panel{
			wide(half, hourOfWeek("hours", "Payments by weekday and hour", "The number of payments.", value("payments", "Payments", count(), wholeNumber))),
			wide(half, hourOfWeek("hours-rate", "Approval rate by weekday and hour", "Approved payments divided by all payments.",
				value("rate", "Approval rate", approvalRate(), percent))),
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
				ofMoney(view.BarHorizontal, "categories", "Approved volume by category of store",
					"By merchant category code (ISO 18245). Shown are the ten categories with the most payments."),
				value("volume", "Approved volume", volume(approved), money)), topValues("Category", "merchant_category_code", 10))),
		}},
		row{tables, []view.Panel{wide(whole, approximate(withDrilldowns(by(showing(
			ofMoney(view.Table, "stores", "Stores: payments, volume, rate, ticket, cards",
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

func newAndReturning() view.Panel {
	p := ofPayments(view.BarStacked, "new-and-returning", "New and returning cards over time",
		"Only approved payments. New: the card had no approved payment before (card_use FIRST). Returning: it had one (LATER). Events from "+
			"before the bank recorded this are left out.")
	p.Query = kql.And{purchases, approved}
	return by(showing(p, value("payments", "Payments", count(), wholeNumber)),
		view.Filters{Label: "Card", Filters: []view.Filter{
			{Label: "New", Query: kql.Is{Field: "card_use", Value: "FIRST"}},
			{Label: "Returning", Query: kql.Is{Field: "card_use", Value: "LATER"}},
		}}, overTime())
}
