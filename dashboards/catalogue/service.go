package catalogue

import (
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

func serviceLevel() view.Dashboard {
	return board(ServiceLevel, "now-15m",
		row{figures, []view.Panel{
			wide(quarter, approximate(showing(
				ofDecisions(view.Metric, "latency", "Decision time: 95 % faster", "95 of 100 decisions are faster (p95). p99: 99 of 100 are faster."),
				coloured(value("p95", "p95", percentile("decision_micros", 95), decision), decisionThresholds),
				change(percentile("decision_micros", 95), view.Falling),
				value("p99", "p99", percentile("decision_micros", 99), decision)), byDigest)),
			wide(quarter, inTimeShare()),
			wide(quarter, showing(
				ofPayments(view.Metric, "technical-rate", "Technical declines",
					"Payments declined as AMOUNT_BELOW_MINIMUM or for a reason that is unknown here (UNKNOWN), divided by all payments. "+
						"A request that fails without a decision makes no event: the bank's metrics count it, this panel does not."),
				coloured(value("rate", "Technical declines", view.Ratio(count(Technical.of()), count()), percent), view.Thresholds{First: 0.01, Second: 0.05}),
				changeOfRate(view.Ratio(count(Technical.of()), count()), view.Falling),
				value("declines", "payments", count(Technical.of()), wholeNumber))),
			wide(quarter, showing(
				ofPayments(view.Metric, "rate", "Payments per second", "All payments, divided by the seconds of the range."),
				value("per-second", "per second", per(count(), "s"), twoDecimals),
				change(count(), view.Rising),
				value("payments", "payments", count(), wholeNumber))),
		}},
		row{charts, []view.Panel{wide(whole, latencyOverTime())}},
		row{charts, []view.Panel{
			wide(half, approximate(by(showing(
				ofDecisions(view.BarHorizontal, "latency-by-channel", "Decision time (p95) by channel", "The 95th percentile for each channel by which commands reach the bank."),
				value("p95", "Decision time", percentile("decision_micros", 95), decision)), topBy("Channel", "channel", 7, percentile("decision_micros", 95))), byDigest)),
			wide(half, by(showing(
				ofPayments(view.AreaStacked, "payments-over-time", "Payments per second by status", "All payments, divided by the seconds of each interval."),
				value("per-second", "Payments per second", per(count(), "s"), twoDecimals)), andOther(topValues("Status", "status", 5)), overTime())),
		}},
	)
}

// ofDecisions returns a panel about the time that decisions take.
func ofDecisions(chart view.Chart, id, title, definition string) view.Panel {
	p := ofPayments(chart, id, title,
		"Time from a command's arrival in the ledger to its decision (decision_micros), without the commit that follows. Events without this time are left out. "+definition)
	p.Query = kql.And{payments, kql.Exists{Field: "decision_micros"}}
	return p
}

func inTimeShare() view.Panel {
	p := showing(
		ofDecisions(view.Gauge, "in-time", "Decisions within 300 ms", "Decisions of at most 300 ms divided by all decisions. The objective is 95 %."),
		coloured(value("share", "Within 300 ms", view.Ratio(count(inTime), count()), percent), view.Thresholds{First: 0.95, Second: 0.99, RisingIsGood: true}),
		changeOfRate(view.Ratio(count(inTime), count()), view.Rising))
	p.Gauge = view.Scale{Min: 0, Max: 1, Goal: 0.95}
	return p
}

func latencyOverTime() view.Panel {
	p := approximate(by(showing(
		ofDecisions(view.Line, "latency-over-time", "Decision time over time against the objective",
			"p50, p95, p99: half, 95 and 99 of 100 decisions are faster. The line is the objective, 300 ms."),
		in(view.First, value("p50", "p50", percentile("decision_micros", 50), decision)),
		in(view.Second, value("p95", "p95", percentile("decision_micros", 95), decision)),
		in(view.Third, value("p99", "p99", percentile("decision_micros", 99), decision))), overTime()), byDigest)
	p = measuring(p, "Decision time (ms)")
	p.References = []view.Reference{{Label: "Objective", Value: objectiveMicros, Format: decision}}
	return p
}
