package bench

import "context"

// row is one line of the table of what is measured.
type row struct {
	name string
	// measures says what in a line, for people.
	measures string
	// on is what has to run.
	on system
	// goals are the figures that must be reached, by name; others are for comparison.
	goals map[string]Goal
	run   func(*world, context.Context) ([]Figure, error)
}

// system is what a row needs to be running before it begins.
type system int

const (
	// nothing is the machine alone.
	nothing system = iota
	// database is Postgres; the row starts the banks it wants, which publish nothing.
	database
	// everything is database, broker, registry, Connect, index and statement.
	everything
)

// rows is what is measured, in that order: what needs no Java first, so that
// nothing else takes memory and processors meanwhile.
func rows() []row {
	return []row{
		{"purchases", "unary purchases/s, 64 in flight, against one SQL transaction per purchase on 64 connections",
			database, map[string]Goal{"Purchases": atLeast(2.5, 3.5)}, (*world).purchases},
		{"bulk", "purchases/s over the stream, against the same yardstick",
			database, map[string]Goal{"Bulk": atLeast(8, 12)}, (*world).bulk},
		{"hot", "64 in flight on one card, against the same on all cards, and against the yardstick on one card",
			database, map[string]Goal{"HotUniform": atLeast(0.9, 1.1), "HotYardstick": atLeast(10, 20)}, (*world).hot},
		{"latency", "a purchase against an empty call and a commit of one row: median alone, 99 % at half rate",
			database, map[string]Goal{"LatencyMedian": atMost(1.5, 1.3), "Latency99": atMost(2, 1.7)}, (*world).latency},
		{"encode", "Avro encoding of an event",
			nothing, map[string]Goal{"EncodeAllocations": atMost(0, 0)}, (*world).encode},
		{"scale", "purchases/s on a ledger full of transactions, against a nearly empty one",
			database, map[string]Goal{"Scale": atLeast(0.9, 1)}, (*world).scale},
		{"statement", "rows/s of the statement's connector, against COPY of the same rows",
			everything, map[string]Goal{"StatementSink": atLeast(0.85, 0.95)}, (*world).statements},
		{"index", "documents/s of the index's connector, against _bulk of the same documents",
			everything, map[string]Goal{"IndexSink": atLeast(0.8, 0.95)}, (*world).index},
		{"history", "documents/s of the index's connector on a year of purchases, against _bulk into as many indices",
			everything, map[string]Goal{"HistorySink": atLeast(0.8, 0.95)}, (*world).history},
		{"dashboards", "all figures of each dashboard, of a year of a million events",
			everything, dashboardGoals(), (*world).dashboards},
		{"relay", "events that wait after the stream, and draining an outbox against producing the same bytes",
			everything, map[string]Goal{"RelayBacklog": atMost(1, 0.2), "RelayDrain": atLeast(0.2, 0.35)}, (*world).relay},
		{"interference", "purchases/s with relay and both sinks following, against the same without",
			everything, map[string]Goal{"Interference": atLeast(0.7, 0.8)}, (*world).interference},
		{"freshness", "from the commit to the statement, and to the index less the refresh interval",
			everything, map[string]Goal{"FreshnessStatement": atMost(1000, 250), "FreshnessIndex": atMost(1000, 250)}, (*world).freshness},
	}
}
