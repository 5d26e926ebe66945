package bench

import "context"

// row is one line of the table of measurements.
type row struct {
	name string
	// description says in one line what the row measures.
	description string
	// needs is the part of the system that must run.
	needs system
	// goals are the goals of figures, by name. Figures without a goal are for comparison.
	goals map[string]Goal
	run   func(*workbench, context.Context) ([]Figure, error)
}

// system is the part of the system that must run before a row begins.
type system int

const (
	// noSystem: the row needs no running part.
	noSystem system = iota
	// databaseOnly: Postgres runs. The row starts the banks that it needs; they publish
	// nothing.
	databaseOnly
	// withBroker: broker and registry run too, with topics and schemas.
	withBroker
	// wholeSystem: database, broker, registry, Connect, index and statement run.
	wholeSystem
)

// rows returns the rows in their order. The rows that need no Java come first, so that nothing
// else uses memory and processors meanwhile.
func rows() []row {
	return []row{
		{"purchases", "unary purchases/s by card data, token and card, 64 in flight, against one SQL transaction per purchase on 64 connections; with TLS against plain text",
			databaseOnly, map[string]Goal{"Purchases": atLeast(2.5, 3.5), "PurchasesWalls": atLeast(0.85, 0.95)}, (*workbench).purchases},
		{"orders", "orders/s through the checkout, 64 in flight, against purchases and against three SQL transactions; with TLS and tokens against plain text; an order alone",
			databaseOnly, map[string]Goal{"Orders": atLeast(0.35, 0.5), "OrdersWalls": atLeast(0.9, 0.95), "OrdersYardstick": atLeast(1.5, 2.5), "OrderMedian": atMost(2, 1.5)},
			(*workbench).orders},
		{"bulk", "purchases/s over the stream, against the same yardstick",
			databaseOnly, map[string]Goal{"Bulk": atLeast(8, 12)}, (*workbench).bulk},
		{"hot", "64 in flight on one card, against the same on all cards, and against the yardstick on one card",
			databaseOnly, map[string]Goal{"HotUniform": atLeast(0.9, 1.1), "HotYardstick": atLeast(10, 20)}, (*workbench).hot},
		{"transfers", "transfers/s between two accounts, 64 in flight, on many and on one pair, against card purchases; an authorization and its capture against two purchases",
			databaseOnly, map[string]Goal{"Transfers": atLeast(0.6, 0.8), "TransfersOnePair": atLeast(0.5, 0.7), "HoldAndCapture": atLeast(1, 1.1)},
			(*workbench).transfers},
		{"latency", "a purchase against an empty call and a commit of one row: median alone, 99 % at half rate",
			databaseOnly, map[string]Goal{"LatencyMedian": atMost(1.5, 1.3), "Latency99": atMost(2, 1.7)}, (*workbench).latency},
		{"encode", "Avro encoding of an event",
			noSystem, map[string]Goal{"EncodeAllocations": atMost(0, 0)}, (*workbench).encode},
		{"scale", "purchases/s on a ledger with many transactions, against a nearly empty one",
			databaseOnly, map[string]Goal{"Scale": atLeast(0.9, 1)}, (*workbench).scale},
		{"pix", "payments between banks: look-ups of keys against an empty call; accepted until completed at 50 a second; the most against purchases, and the highest rate kept up with",
			withBroker, map[string]Goal{"PixLookUp": atMost(2, 1.5), "PixLookUpAgain": atMost(2, 1.5), "PixCompleted": atMost(1000, 250)}, (*workbench).pix},
		{"statement", "rows/s of the statement's connector, against COPY of the same rows",
			wholeSystem, map[string]Goal{"StatementSink": atLeast(0.85, 0.95)}, (*workbench).statements},
		{"index", "documents/s of the index's connector, against _bulk of the same documents",
			wholeSystem, map[string]Goal{"IndexSink": atLeast(0.8, 0.95)}, (*workbench).index},
		{"history", "documents/s of the index's connector on a year of purchases, against _bulk into as many indices",
			wholeSystem, map[string]Goal{"HistorySink": atLeast(0.8, 0.95)}, (*workbench).history},
		{"dashboards", "time until all figures of a dashboard, and its whole page, are there, on a year of a million events; bytes of a first visit",
			wholeSystem, dashboardGoals(), (*workbench).dashboards},
		{"relay", "events that wait after the stream, and draining an outbox against producing the same bytes",
			wholeSystem, map[string]Goal{"RelayBacklog": atMost(1, 0.2), "RelayDrain": atLeast(0.2, 0.35)}, (*workbench).relay},
		{"charges", "charges a second through the payment gateway: accepted against a commit of one row, and until decided, at 200 a second in both modes; the most in live mode against purchases",
			wholeSystem, map[string]Goal{
				"ChargesAcceptedTest": atMost(2, 1.5), "ChargesAcceptedLive": atMost(2, 1.5), "ChargesDecidedTest": atMost(1000, 100),
				"ChargesDecidedLive": atMost(1000, 100), "ChargesLive": atLeast(0.15, 0.3),
			}, (*workbench).charges},
		{"interference", "purchases/s while relay and both sinks follow, against the same without them",
			wholeSystem, map[string]Goal{"Interference": atLeast(0.7, 0.8)}, (*workbench).interference},
		{"freshness", "time from the commit to the statement, and to the index less the refresh interval",
			wholeSystem, map[string]Goal{"FreshnessStatement": atMost(1000, 250), "FreshnessIndex": atMost(1000, 250)}, (*workbench).freshness},
	}
}
