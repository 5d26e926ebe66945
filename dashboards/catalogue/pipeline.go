package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func pipeline() view.Dashboard {
	return board(Pipeline, "now-15m",
		row{figures, []view.Panel{
			wide(quarter+3, showing(
				ofEvents(view.Metric, "newest", "Newest event", "The time of the newest event in the index. While nothing happens, an old time is no fault: see Complete up to."),
				value("newest", "Newest event", largest(occurredAt), moment))),
			wide(quarter-1, approximate(showing(
				ofLag(view.Metric, "lag", "Decision to index: 95 % faster", "95 of 100 events are faster (p95)."),
				coloured(value("p95", "p95", percentile("pipeline_millis", 95), lag), lagThresholds),
				change(percentile("pipeline_millis", 95), view.Falling),
				value("slowest", "slowest", largest("pipeline_millis"), lag)), byDigest)),
			wide(quarter-1, showing(
				ofEvents(view.Metric, "events", "Events", "Events that happened in the range, of every kind."),
				value("events", "Events", count(), wholeNumber),
				change(count(), view.Neither),
				value("per-second", "per second", per(count(), "s"), twoDecimals))),
			wide(quarter-1, future()),
		}},
		row{charts, []view.Panel{wide(whole, lagOverTime())}},
		row{tables, []view.Panel{wide(whole, partitions())}},
		row{tables, []view.Panel{wide(2*third, missing()), wide(third, producers())}},
		row{charts, []view.Panel{wide(whole, by(showing(
			ofEvents(view.BarStacked, "kinds", "Events by kind over time", "The six most frequent kinds of events, and all others together."),
			value("events", "Events", count(), wholeNumber)), andOther(topValues("Kind", "kind", most)), overTime()))}},
	)
}

// ofEvents returns a panel about all events.
func ofEvents(chart view.Chart, id, title, definition string) view.Panel {
	return view.Panel{
		ID: id, Title: title, Chart: chart, Source: view.Transactions,
		Definition: "Covers all events, payments or not. " + definition,
	}
}

// ofLag returns a panel about the time that events take to reach the index.
func ofLag(chart view.Chart, id, title, definition string) view.Panel {
	p := ofEvents(chart, id, title,
		"Time from an event until the index sink took it (pipeline_millis). Events that were older than half an hour by then are left out: a history that is loaded "+
			"says nothing about the pipeline. What is held up for longer, Complete up to shows. "+definition)
	p.Query = live
	return p
}

func lagOverTime() view.Panel {
	p := approximate(by(showing(
		ofLag(view.Line, "lag-over-time", "From decision to index over time", "p50: half of the events are faster. p95: 95 of 100 are faster. The line is the threshold of the alert, 60 s."),
		in(view.First, value("p50", "p50", percentile("pipeline_millis", 50), lag)),
		in(view.Second, value("p95", "p95", percentile("pipeline_millis", 95), lag)),
		in(view.Third, value("slowest", "slowest", largest("pipeline_millis"), lag))), overTime()), "p50 and p95: "+byDigest)
	p = measuring(p, "Lag (s)")
	p.References = []view.Reference{{Label: "Alert", Value: lagThresholds.Second, Format: lag}}
	return p
}

// partitions compares the offsets of each partition with the events in the index. It has
// all of time: in a shorter range, an event at its edge that is out of order would count as
// absent.
func partitions() view.Panel {
	const offset = "kafka_offset"
	first := view.Aggregate{Function: view.Min, Field: offset}
	last := largest(offset)
	between := view.Math{Operator: view.Plus, Left: view.Difference(last, first), Right: view.Constant(1)}
	p := by(showing(
		ofEvents(view.Table, "partitions", "Events and offsets by partition",
			"The first and the last offset in the index, and how many offsets between them have no document. 0 is the usual figure. An event that the relay sent twice "+
				"has one document and two offsets. A dead letter has an offset and no document. A number that grows for neither reason is a loss, which bankctl audit proves. "+
				"The panel always shows the whole index. Filters do not change it."),
		value("events", "Events", count(), wholeNumber),
		value("first", "First offset", first, wholeNumber),
		value("last", "Last offset", last, wholeNumber),
		value("absent", "Without a document", view.AtLeast{Of: view.Difference(between, count())}, wholeNumber),
		value("newest", "Newest event", largest(occurredAt), moment)),
		topValues("Topic", "kafka_topic", 10), view.Terms{Label: "Partition", Fields: []string{"kafka_partition"}, Numeric: true, Size: 50})
	p.From, p.To, p.Unfiltered = "now-50y", "now+1y", true
	return p
}

// withoutChannel are the events that no channel brings. The field cannot be null, so their
// channel is UNKNOWN.
var withoutChannel = kql.OneOf{Field: "kind", Values: []string{"OPENING", "LIMIT_CHANGE", "CLOSING"}}

// missing counts events that lack a field that their kind should have, or hold a value
// that a reader does not know.
func missing() view.Panel {
	without := func(label, field string, of kql.Query) view.Filter {
		return view.Filter{Label: label, Query: kql.And{of, kql.Not{Query: kql.Exists{Field: field}}}}
	}
	// A wallet pays without a card, and nobody scores what it pays.
	byCard := kql.And{payments, kql.Not{Query: kql.Is{Field: "account_kind", Value: "WALLET"}}}
	var unknown kql.Or
	for _, field := range []string{"kind", "direction", "status", "decline_reason", "card_brand", "card_use", "risk_rule", "relation", "account_kind", "principal_kind", "mode"} {
		unknown = append(unknown, kql.Is{Field: field, Value: "UNKNOWN"})
	}
	unknown = append(unknown, kql.And{kql.Is{Field: "channel", Value: "UNKNOWN"}, kql.Not{Query: withoutChannel}})
	return by(showing(
		ofEvents(view.Table, "missing", "Events with missing or unknown values",
			"How many events lack a field that their kind should have, and how many hold a value that a reader did not know (UNKNOWN). "+
				"Openings of accounts and changes of limits come by no channel, and an unknown channel does not count there. "+
				"A payment with an unknown card rightly has no account and no card id. A payment from a wallet needs no card and no risk score, and does not count there. Dead letters are not in the index: see bankctl dlq list."),
		value("events", "Events", count(), wholeNumber)),
		view.Filters{Label: "What is missing", Filters: []view.Filter{
			without("Payment without store", "merchant_id", payments),
			without("Payment without card", "card_id", byCard),
			without("Payment without decision time", "decision_micros", payments),
			without("Payment without risk score", "risk_score", byCard),
			without("Decline without reason", "decline_reason", declined),
			without("Event without trace", "trace_id", nil),
			without("Event without lag", "pipeline_millis", nil),
			{Label: "Value not known to a reader", Query: unknown},
		}})
}

// future has its own range, because only that range can hold such events.
func future() view.Panel {
	p := showing(ofEvents(view.Metric, "future", "Events from the future",
		"Events whose time lies after now: a clock of the bank is wrong. The panel always shows the coming year."),
		coloured(value("events", "Events", count(), wholeNumber), view.Thresholds{First: 1, Second: 2}))
	p.From, p.To = "now", "now+1y"
	return p
}

func producers() view.Panel {
	return by(showing(
		ofEvents(view.Donut, "producers", "Events by version of the bank", "Events by the version of the program that made them."),
		value("events", "Events", count(), wholeNumber)), topValues("Version", "producer_version", 8))
}
