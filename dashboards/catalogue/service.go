package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func serviceLevel() view.Dashboard {
	return board(ServiceLevel, "now-15m",
		row{figures, []view.Panel{
			wide(quarter, approximate(showing(
				ofDecisions(view.Metric, "latency", "Decision time: 95 of 100 are faster", "Green below 150 ms, red from 300 ms. Small: 99 of 100."),
				lit(value("p95", "p95", percentile("decision_micros", 95), decision), decisionLights),
				value("p99", "p99", percentile("decision_micros", 99), decision)), byDigest)),
			wide(quarter, inTimeShare()),
			wide(quarter, showing(
				ofPayments(view.Metric, "technical-rate", "Technical declines",
					"Payments declined as AMOUNT_BELOW_MINIMUM or for a reason not known here (UNKNOWN), divided by all payments. "+
						"A request that fails without a decision makes no event: those are in the bank's metrics, not here."),
				lit(value("rate", "Technical declines", view.Ratio(count(Technical.of()), count()), percent), view.Lights{First: 0.01, Second: 0.05}),
				value("declines", "payments", count(Technical.of()), wholeNumber))),
			wide(quarter, showing(
				ofPayments(view.Metric, "rate", "Payments per second", "All payments, divided by the seconds of the range. Small: how many."),
				value("per-second", "per second", per(count(), "s"), twoDecimals),
				value("payments", "payments", count(), wholeNumber))),
		}},
		row{charts, []view.Panel{wide(whole, latencyOverTime())}},
		row{charts, []view.Panel{
			wide(half, approximate(by(showing(
				ofDecisions(view.Bar, "latency-by-channel", "Decision time by channel", "The 95th percentile for each way in which commands reach the bank."),
				value("p95", "p95", percentile("decision_micros", 95), decision)), most("Channel", "channel", 7)), byDigest)),
			wide(half, by(showing(
				ofPayments(view.AreaStacked, "payments-over-time", "Payments per second over time by status", "All payments, divided by the seconds of each stretch of time."),
				value("per-second", "per second", per(count(), "s"), twoDecimals)), most("Status", "status", 5), overTime())),
		}},
	)
}

// ofDecisions is a panel of how long decisions took.
func ofDecisions(chart view.Chart, id, title, definition string) view.Panel {
	p := ofPayments(chart, id, title,
		"Time from a command's arrival in the ledger to its decision (decision_micros), the commit that follows not included. Events that do not say it are left out. "+definition)
	p.Query = kql.And{purchases, kql.Exists{Field: "decision_micros"}}
	return p
}

func inTimeShare() view.Panel {
	p := showing(
		ofDecisions(view.Gauge, "in-time", "Share of decisions within 300 ms", "Decisions of at most 300 ms divided by all. The objective is 95 %."),
		lit(value("share", "Within 300 ms", view.Ratio(count(inTime), count()), percent), view.Lights{First: 0.95, Second: 0.99, RisingIsGood: true}))
	p.Gauge = view.Scale{Min: 0, Max: 1, Goal: 0.95}
	return p
}

func latencyOverTime() view.Panel {
	p := approximate(by(showing(
		ofDecisions(view.Line, "latency-over-time", "Decision time over time against the objective",
			"Half, 95 and 99 of 100 decisions are faster than this. The line is the objective, 300 ms."),
		value("p50", "p50", percentile("decision_micros", 50), decision),
		value("p95", "p95", percentile("decision_micros", 95), decision),
		value("p99", "p99", percentile("decision_micros", 99), decision)), overTime()), byDigest)
	p.References = []view.Reference{{Label: "Objective", Value: objectiveMicros, Format: decision}}
	return p
}
