package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Queries that choose events of wallets and of holds.
var (
	// transfers are transfers by the event of the account that pays. The event of the account that is
	// paid is the other half of the same transfer.
	transfers   = kql.And{kql.Is{Field: "kind", Value: "TRANSFER"}, kql.Is{Field: "direction", Value: "DEBIT"}}
	deposits    = kql.Is{Field: "kind", Value: "DEPOSIT"}
	withdrawals = kql.Is{Field: "kind", Value: "WITHDRAWAL"}
	released    = kql.And{kql.Is{Field: "kind", Value: "VOID"}, kql.Is{Field: "direction", Value: "NONE"}}
	expired     = kql.Is{Field: "kind", Value: "EXPIRY"}
	sentByPix   = kql.Is{Field: "kind", Value: "PIX_OUT"}
)

func wallets() view.Dashboard {
	moved := func(id, title, definition string, which kql.Query) view.Panel {
		return wide(third, showing(
			ofWallets(view.Metric, id, title, oneMoney+definition),
			value("volume", title, volume(which, approved, inCurrency), wholeMoney),
			change(sum("amount_minor", which, approved, inCurrency), view.Neither),
			value("number", "in number", count(which, approved, inCurrency), wholeNumber)))
	}
	return board(Wallets, "now-7d",
		row{figures, []view.Panel{
			moved("transferred", "Transferred", "The sum of the amounts of approved transfers. A transfer has two events, one of each account, and counts once. "+
				"What is given back of it later is not subtracted.", transfers),
			moved("deposited", "Paid in", "The sum of the amounts of deposits.", deposits),
			moved("withdrawn", "Paid out", "The sum of the amounts of approved withdrawals.", withdrawals),
		}},
		row{figures, holdsInNumbers()},
		row{charts, []view.Panel{
			wide(half, by(showing(
				ofTransfers(view.BarStacked, "transfers-by-status", "Transfers by status over time", "Approved and declined transfers, stacked."),
				value("transfers", "Transfers", count(), wholeNumber)), andOther(topValues("Status", "status", 5)), overTime())),
			wide(half, endsOverTime()),
		}},
	)
}

// ofWallets returns a panel about accounts that are used without a card.
func ofWallets(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions,
		Definition: "Covers transfers between accounts (TRANSFER), and cash that is paid in (DEPOSIT) or out (WITHDRAWAL). They are not payments. " + definition,
		Query:      kql.Or{transfers, deposits, withdrawals},
	}
}

// ofTransfers returns a panel about transfers, each of which counts once.
func ofTransfers(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions, Query: transfers,
		Definition: "Covers transfers between accounts (TRANSFER). A transfer has two events, one of each account, and counts once, by that of the account that pays. " + definition,
	}
}

// ofHolds returns a panel about holds and what ends them.
func ofHolds(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions,
		Definition: "Covers approved holds of cards and of wallets (HOLD), and what ends them: a capture takes the amount, or a part of it (CAPTURE) and releases the rest (VOID), " +
			"a void releases all of it (VOID), it expires (EXPIRY), or it is sent by Pix (PIX_OUT). Each event counts at its own time. " + definition,
		Query: kql.And{approved, kql.Or{held, taken, released, expired, sentByPix}},
	}
}

func holdsInNumbers() []view.Panel {
	one := func(id, title, definition string, which kql.Query) view.Panel {
		return wide(quarter, showing(
			ofHolds(view.Metric, id, title, definition),
			value("holds", title, count(which), wholeNumber),
			change(count(which), view.Neither),
			value("volume", "volume", volume(which, inCurrency), money)))
	}
	const inOne = " Volume: the sum of the amounts, in " + Currency + " only."
	return []view.Panel{
		one("placed", "Holds placed", "How many amounts were set aside."+inOne, held),
		one("captured", "Holds captured", "How many holds were captured."+inOne, taken),
		one("expired", "Holds expired", "How many holds expired before somebody captured them."+inOne, expired),
		wide(quarter, heldNow()),
	}
}

// heldNow has all of time, because a hold that was placed before the range may still be open.
func heldNow() view.Panel {
	left := sum("amount_minor", held, inCurrency)
	ended := sum("amount_minor", kql.Not{Query: held}, inCurrency)
	p := showing(
		ofHolds(view.Metric, "held", "Held now", oneMoney+"The amounts of all holds, minus what was captured and released of them. It is what is set aside on all accounts together. "+
			"The panel always shows the whole index."),
		value("volume", "Held now", view.Major(view.Difference(left, ended)), wholeMoney),
		value("holds", "holds placed in all", count(held), wholeNumber))
	p.From, p.To = "now-50y", "now+1y"
	return p
}

func endsOverTime() view.Panel {
	return measuring(by(showing(
		ofHolds(view.Line, "holds-over-time", "Holds placed, captured, released and expired over time",
			"Released: holds that were voided, and the rest of a hold of which a part was captured."),
		in(view.First, value("placed", "Placed", count(held), wholeNumber)),
		in(view.Second, value("captured", "Captured", count(taken), wholeNumber)),
		in(view.Third, value("released", "Released", count(released), wholeNumber)),
		in(view.Fourth, value("expired", "Expired", count(expired), wholeNumber))), overTime()), "Holds")
}
