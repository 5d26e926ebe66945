package catalogue

import (
	"slices"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

const occurredAt = "occurred_at"

// Currency is the currency of all amounts on the dashboards. Amounts of different
// currencies cannot be added. A panel with money therefore leaves out every other
// currency, and its definition says so.
const Currency = "BRL"

// Queries that choose events.
var (
	// payments are the tries of payers: each purchase, and each hold on a card, which a capture takes
	// later. An unknown card has no account. The hold of an account without a card is no payment.
	payments = kql.Or{
		purchased,
		kql.And{held, kql.Or{kql.Exists{Field: "card_id"}, kql.Not{Query: kql.Exists{Field: "account_id"}}}},
	}
	// sales are what stores are paid: purchases, and what captures take for a store.
	sales = kql.Or{purchased, kql.And{taken, ofStore}}
	// reversals are what stores give back. A void that releases a hold moves no money, and the
	// reversal of a transfer has no store.
	reversals = kql.And{
		kql.OneOf{Field: "kind", Values: []string{"REVERSAL", "VOID"}}, kql.Is{Field: "direction", Value: "CREDIT"}, ofStore,
	}
	purchased = kql.Is{Field: "kind", Value: "PURCHASE"}
	held      = kql.Is{Field: "kind", Value: "HOLD"}
	taken     = kql.Is{Field: "kind", Value: "CAPTURE"}
	ofStore   = kql.Exists{Field: "merchant_id"}
	approved  = kql.Is{Field: "status", Value: "APPROVED"}
	declined  = kql.Is{Field: "status", Value: "DECLINED"}
	// inCurrency are events whose amounts may be added.
	inCurrency = kql.Is{Field: "currency", Value: Currency}
	retried    = kql.Compare{Field: "attempt", Operator: kql.Greater, Value: "1"}
	// live are events that reached the index within half an hour. An older event was
	// loaded later, such as a history, or was held up. Its lag says how old it is, and not
	// how slow the pipeline is. How far the index is behind, "complete up to" shows.
	live = kql.Compare{Field: "pipeline_millis", Operator: kql.LessOrEqual, Value: "1800000"}
	// inTime are decisions within the objective.
	inTime = kql.Compare{Field: "decision_micros", Operator: kql.LessOrEqual, Value: kql.Number(objectiveMicros)}
	// guarded are declines by the bank's own fraud guards.
	guarded = kql.OneOf{Field: "decline_reason", Values: []string{"LOCKED", "TOO_FREQUENT"}}
)

// objectiveMicros is the objective for the time of a decision: 300 ms.
const objectiveMicros = 300_000

// Phrases of definitions that always mean the same.
const (
	aboutPayments = "Covers payments, which are events of kind PURCHASE, and of kind HOLD if a card was presented. The capture of a hold does not count again. "
	oneMoney      = "Only amounts in " + Currency + ", because amounts of different currencies cannot be added. "
	byUnique      = "the number of different values is an estimate (HyperLogLog++): almost exact below about 3,000 values, within a few per cent above."
	byDigest      = "percentiles are estimates (t-digest): within about 1 % of the rank, more exact at the ends."
)

func count(filters ...kql.Query) view.Aggregate {
	return view.Aggregate{Function: view.Count, Filter: filter(filters)}
}

func sum(field string, filters ...kql.Query) view.Aggregate {
	return view.Aggregate{Function: view.Sum, Field: field, Filter: filter(filters)}
}

func unique(field string, filters ...kql.Query) view.Aggregate {
	return view.Aggregate{Function: view.Unique, Field: field, Filter: filter(filters)}
}

func percentile(field string, rank int) view.Aggregate {
	return view.Aggregate{Function: view.Percentile, Field: field, Rank: rank}
}

func largest(field string) view.Aggregate { return view.Aggregate{Function: view.Max, Field: field} }

func filter(filters []kql.Query) kql.Query {
	if len(filters) == 0 {
		return nil
	}
	return kql.And(filters)
}

// volume is a sum of money in major units.
func volume(filters ...kql.Query) view.Expression { return view.Major(sum("amount_minor", filters...)) }

// shifted is the same aggregate over an earlier range of time, for example by 1d.
func shifted(a view.Aggregate, by string) view.Aggregate {
	a.Shift = by
	return a
}

// within is the same aggregate over the last part of the range of time only.
func within(a view.Aggregate, length string) view.Aggregate {
	a.Within = length
	return a
}

// per divides an aggregate by the length of time in a unit.
func per(a view.Aggregate, unit string) view.Aggregate {
	a.Per = unit
	return a
}

// approvalRate is the share of all tries that were approved.
func approvalRate() view.Math { return view.Ratio(count(approved), count()) }

// averageTicket is the mean amount of an approved payment.
func averageTicket() view.Math { return view.Ratio(volume(approved), count(approved)) }

var (
	wholeNumber = view.Format{Kind: view.Number}
	twoDecimals = view.Format{Kind: view.Number, Decimals: 2}
	percent     = view.Format{Kind: view.Percent, Decimals: 2}
	money       = view.Format{Kind: view.Money, Decimals: 2, Unit: Currency}
	wholeMoney  = view.Format{Kind: view.Money, Unit: Currency}
	difference  = view.Format{Kind: view.Percent, Decimals: 1, Signed: true}
	points      = view.Format{Kind: view.Percent, Decimals: 1, Signed: true, Unit: "points"}
	decision    = view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Microseconds, As: view.Milliseconds}
	lag         = view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Milliseconds, As: view.Seconds}
	moment      = view.Format{Kind: view.Moment}
)

// Colour thresholds of figures that several panels show.
var (
	approvalThresholds = view.Thresholds{First: 0.8, Second: 0.9, RisingIsGood: true}
	decisionThresholds = view.Thresholds{First: objectiveMicros / 2, Second: objectiveMicros}
	lagThresholds      = view.Thresholds{First: 10_000, Second: 60_000}
)

func value(id, label string, figure view.Expression, format view.Format) view.Value {
	return view.Value{ID: id, Label: label, Figure: figure, Format: format}
}

// before is the same figure over the time before, which is as long.
func before(e view.Expression) view.Expression {
	switch e := e.(type) {
	case view.Aggregate:
		return shifted(e, view.Previous)
	case view.Math:
		e.Left, e.Right = before(e.Left), before(e.Right)
		return e
	}
	return e
}

// change is the change of a figure against the time before, as a share of that.
func change(figure view.Expression, better view.Direction) view.Value {
	v := value("change", "against before", view.Difference(view.Ratio(figure, before(figure)), view.Constant(1)), difference)
	v.Change = &view.Change{Better: better}
	return v
}

// changeOfRate is the change of a rate against the time before, in percentage points.
func changeOfRate(rate view.Expression, better view.Direction) view.Value {
	v := value("change", "against before", view.Difference(rate, before(rate)), points)
	v.Change = &view.Change{Better: better, Points: true}
	return v
}

func coloured(v view.Value, thresholds view.Thresholds) view.Value {
	v.Thresholds = &thresholds
	return v
}

func overTime() view.Time { return view.Time{Label: "Time", Field: occurredAt, Interval: "auto"} }

// topValues divides by the values of a field with the most documents. Each month has its
// own index, which returns its own top values. For a field with many values, each index
// returns many more values than the panel shows.
func topValues(label, field string, size int) view.Terms {
	return topBy(label, field, size, count())
}

// topBy divides by the values of a field with the largest figure. It must be a figure that
// the panel shows, or one without a filter.
func topBy(label, field string, size int, by view.Aggregate) view.Terms {
	return view.Terms{Label: label, Fields: []string{field}, Size: size, By: &by, Accurate: slices.Contains(manyValued, field)}
}

// andOther gathers all values that are not shown, so that the parts of a whole add up.
func andOther(terms view.Terms) view.Terms {
	terms.Other = true
	return terms
}

// most is how many series a chart has at most, beside the other values.
const most = 6

var manyValued = []string{"merchant_name", "card_id", "card_bin"}

// ofPayments returns a panel about payments.
func ofPayments(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Definition: aboutPayments + definition, Chart: chart, Source: view.Transactions, Query: payments,
	}
}

// ofMoney returns a panel about payments in one currency.
func ofMoney(chart view.Chart, id, title, definition string) view.Panel {
	p := ofPayments(chart, id, title, oneMoney+definition)
	p.Query = kql.And{payments, inCurrency}
	return p
}

// showing sets the figures of a panel.
func showing(p view.Panel, metrics ...view.Value) view.Panel {
	p.Layer.Metrics = metrics
	return p
}

// by sets the buckets of a panel, the outermost first.
func by(p view.Panel, buckets ...view.Bucket) view.Panel {
	p.Layer.Buckets = buckets
	return p
}

func approximate(p view.Panel, why string) view.Panel {
	p.Approximate = why
	return p
}

// measuring names the axis of the figures, with their unit.
func measuring(p view.Panel, title string) view.Panel {
	p.Axis.Title = title
	return p
}

// axisUnits are the units in the title of an axis.
var axisUnits = map[view.FormatKind]string{view.Percent: " (%)", view.Money: " (" + Currency + ")"}

// withAxis completes the axis of a chart: the name of its only figure, and for rates in a
// line the extent of the data, because a line between 85 and 95 % is flat on an axis to 100 %.
func withAxis(p view.Panel) view.Panel {
	if len(p.Layer.Metrics) == 0 {
		return p
	}
	first := p.Layer.Metrics[0]
	if p.Axis.Title == "" && len(p.Layer.Metrics) == 1 {
		p.Axis.Title = first.Label + axisUnits[first.Format.Kind]
		if first.Format.Kind == view.Duration {
			p.Axis.Title = first.Label + map[string]string{view.Milliseconds: " (ms)", view.Seconds: " (s)"}[first.Format.As]
		}
	}
	if p.Chart == view.Line && first.Format.Kind == view.Percent {
		p.Axis.Extent = view.OfData
	}
	return p
}

func withDrilldowns(p view.Panel, to ...string) view.Panel {
	for _, id := range to {
		p.Drilldowns = append(p.Drilldowns, view.Drilldown{ID: "to-" + id, Name: "Go to " + titles[id].title, To: id})
	}
	return p
}

// amountBands are bands of amounts. Their bounds are minor units.
func amountBands() view.Ranges {
	return view.Ranges{Label: "Amount in " + Currency, Field: "amount_minor", Ranges: []view.Range{
		{Label: "below 10", From: 0, Below: 1_000},
		{Label: "10 to 50", From: 1_000, Below: 5_000},
		{Label: "50 to 100", From: 5_000, Below: 10_000},
		{Label: "100 to 250", From: 10_000, Below: 25_000},
		{Label: "250 to 500", From: 25_000, Below: 50_000},
		{Label: "500 to 1,000", From: 50_000, Below: 100_000},
		{Label: "1,000 and more", From: 100_000},
	}}
}
