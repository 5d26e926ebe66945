package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func pipeline() view.Dashboard {
	return board(Pipeline, "now-15m",
		row{figures, []view.Panel{
			wide(quarter, showing(
				ofEvents(view.Metric, "newest", "Newest event", "The time of the newest event in the index. While nothing happens, an old time is no fault: see Complete up to."),
				value("newest", "Newest event", largest(occurredAt), moment))),
			wide(narrow, approximate(showing(
				ofLag(view.Metric, "lag", "From decision to index: 95 of 100 are faster", "Green below 10 s, red from 60 s. Small figure: the slowest."),
				coloured(value("p95", "p95", percentile("pipeline_millis", 95), lag), lagThresholds),
				value("slowest", "slowest", largest("pipeline_millis"), lag)), byDigest)),
			wide(narrow, showing(
				ofEvents(view.Metric, "events", "Events, and per second", "Events that happened in the range, of every kind. Small figure: the same number, divided by the seconds of the range."),
				value("events", "Events", count(), wholeNumber),
				value("per-second", "per second", per(count(), "s"), twoDecimals))),
			wide(narrow, approximate(showing(
				ofEvents(view.Metric, "duplicates", "Documents beyond one for each event",
					"The number of documents minus the number of different event ids. A value above the error of the estimate means that an event is in the index twice. "+
						"That cannot happen while the event's own time chooses its monthly index."),
				value("duplicates", "Duplicates", view.Difference(count(), unique("event_id")), wholeNumber)), byUnique+" A difference of a few per cent of the events therefore means nothing.")),
			wide(narrow, future()),
		}},
		row{charts, []view.Panel{wide(whole, lagOverTime())}},
		row{tables, []view.Panel{wide(whole, partitions())}},
		row{charts, []view.Panel{wide(2*third, missing()), wide(third, producers())}},
		row{charts, []view.Panel{wide(whole, by(showing(
			ofEvents(view.BarStacked, "kinds", "Events by kind over time", "Every event in the index."),
			value("events", "Events", count(), wholeNumber)), topValues("Kind", "kind", 15), overTime()))}},
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
		"Time from an event until the index sink took it (pipeline_millis). Events that were older than a day by then are left out: they are imported history "+
			"and say nothing about the pipeline. "+definition)
	p.Query = live
	return p
}

func lagOverTime() view.Panel {
	p := approximate(by(showing(
		ofLag(view.Line, "lag-over-time", "From decision to index over time", "p50: half of the events are faster. p95: 95 of 100 are faster. The line is the threshold of the alert, 60 s."),
		value("p50", "p50", percentile("pipeline_millis", 50), lag),
		value("p95", "p95", percentile("pipeline_millis", 95), lag),
		value("slowest", "slowest", largest("pipeline_millis"), lag)), overTime()), "p50 and p95: "+byDigest)
	p.References = []view.Reference{{Label: "Alert", Value: lagThresholds.Second, Format: lag}}
	return p
}

// partitions shows the offsets of the events in the index. The offsets of a range of
// time have no gap if nothing was sent twice.
func partitions() view.Panel {
	const offset = "kafka_offset"
	first := view.Aggregate{Function: view.Min, Field: offset}
	last := largest(offset)
	between := view.Math{Operator: view.Plus, Left: view.Difference(last, first), Right: view.Constant(1)}
	return by(showing(
		ofEvents(view.Table, "partitions", "Events and offsets by partition",
			"The first and the last offset of the events in the range, and how many offsets between them have no document. Repeats on the topic have no document, and "+
				"neither have events at the edges of the range that are out of order. A number that grows for neither reason is a loss, which bankctl audit proves."),
		value("events", "Events", count(), wholeNumber),
		value("first", "First offset", first, wholeNumber),
		value("last", "Last offset", last, wholeNumber),
		value("absent", "Offsets without a document", view.Difference(between, count()), wholeNumber),
		value("newest", "Newest event", largest(occurredAt), moment)),
		topValues("Topic", "kafka_topic", 10), view.Terms{Label: "Partition", Fields: []string{"kafka_partition"}, Numeric: true, Size: 50})
}

// missing counts events that lack a field that their kind should have, or hold a value
// that a reader does not know.
func missing() view.Panel {
	without := func(label, field string, of kql.Query) view.Filter {
		return view.Filter{Label: label, Query: kql.And{of, kql.Not{Query: kql.Exists{Field: field}}}}
	}
	var unknown kql.Or
	for _, field := range []string{"kind", "direction", "status", "decline_reason", "card_brand", "channel", "card_use", "risk_rule"} {
		unknown = append(unknown, kql.Is{Field: field, Value: "UNKNOWN"})
	}
	return by(showing(
		ofEvents(view.Table, "missing", "Events with missing or unknown values",
			"How many events lack a field that their kind should have, and how many hold a value that a reader did not know (UNKNOWN). "+
				"A payment with an unknown card rightly has no account and no card id. Dead letters are not in the index: see bankctl dlq list."),
		value("events", "Events", count(), wholeNumber)),
		view.Filters{Label: "What is missing", Filters: []view.Filter{
			without("Payment without store", "merchant_id", purchases),
			without("Payment without card", "card_id", purchases),
			without("Payment without decision time", "decision_micros", purchases),
			without("Payment without risk score", "risk_score", purchases),
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
