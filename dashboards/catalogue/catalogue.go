// Package catalogue holds what analysts see: the dashboards with their panels, the
// definition of each figure, and the data views that the panels read. The meaning of a
// word, such as payment, approval rate or hard decline, stands once, in figures.go or
// in reasons.go. Every panel uses it from there.
package catalogue

import (
	"time"

	"codebank.dev/dashboards/view"
)

// The ids of the dashboards.
const (
	Overview     = "overview"
	Approvals    = "approvals"
	Stores       = "stores"
	Risk         = "risk"
	Wallets      = "wallets"
	Pix          = "pix"
	ServiceLevel = "service-level"
	Pipeline     = "pipeline"
)

// TransactionURL is the address that the id of a transaction links to. It lists the events
// of the transaction in Kibana itself, and those that refer to it, such as its reversal. A
// bank that shows transactions elsewhere puts that address here. A trace id has no link: one
// trace may cover a whole stream of requests.
const TransactionURL = `../app/discover#/?_g=(time:(from:now-10y,to:now))&_a=(index:transactions,query:(language:kuery,` +
	`query:'transaction_id:%20%22{{value}}%22%20or%20original_transaction_id:%20%22{{value}}%22'))`

// Dashboards returns all dashboards, in the order of their links.
func Dashboards() []view.Dashboard {
	return []view.Dashboard{overview(), approvals(), stores(), wallets(), pix(), risk(), serviceLevel(), pipeline()}
}

// DataViews returns the sources of all panels as data views of Kibana.
func DataViews() []view.DataView {
	minor := view.FieldFormat{ID: "number", Params: map[string]any{"pattern": "0,0"}}
	duration := func(counted, shown string, precision int) view.FieldFormat {
		return view.FieldFormat{ID: "duration", Params: map[string]any{
			"inputFormat": counted, "outputFormat": shown, "outputPrecision": precision, "includeSpaceWithSuffix": true,
		}}
	}
	transaction := func(label string) view.FieldFormat {
		return view.FieldFormat{ID: "url", Params: map[string]any{
			"type": "a", "urlTemplate": TransactionURL, "labelTemplate": label, "openLinkInCurrentTab": false,
		}}
	}
	return []view.DataView{{
		Source: view.Transactions, Name: "Transactions", Pattern: "bank-transactions-*", TimeField: occurredAt,
		Formats: map[string]view.FieldFormat{
			"amount_minor": minor, "balance_after_minor": minor, "held_after_minor": minor,
			"available_after_minor": minor, "credit_limit_minor": minor,
			"decision_micros":         duration(view.Microseconds, "asMilliseconds", 1),
			"pipeline_millis":         duration(view.Milliseconds, "asSeconds", 1),
			"transaction_id":          transaction("Show events"),
			"original_transaction_id": transaction("Show original"),
			"occurred_at":             {ID: "date", Params: map[string]any{"pattern": "D MMM, HH:mm:ss"}},
		},
		Labels: labels(), Words: words(), Colours: colours(), Amounts: amounts(), Decimals: Decimals(),
	}, {
		Source: view.Watermarks, Name: "Watermarks", Pattern: "bank-watermarks-*", TimeField: "published_at",
		Formats: map[string]view.FieldFormat{
			"complete_to": {ID: "date", Params: map[string]any{"pattern": "D MMM, HH:mm"}}, "published_at": {ID: "date", Params: map[string]any{"pattern": "D MMM, HH:mm:ss"}},
		},
		Labels: map[string]string{
			"bank_code": "Bank", "partition": "Partition", "complete_to": "Complete up to", "published_at": "Published", "dead_letters": "Dead letters",
		},
	}, charges(), pixPayments()}
}

// board returns a dashboard with the parts that all dashboards have: controls, links, a
// note about times and currencies, and the panel that shows how complete the index is. They
// stand above the rows of its own.
func board(id, from string, own ...row) view.Dashboard {
	panels := []view.Panel{links(), note(), completeTo()}
	panels = append(panels, placed(top, own)...)
	for i, p := range panels {
		panels[i] = withAxis(p)
	}
	return view.Dashboard{
		ID: id, Title: titles[id].title, Short: titles[id].short, Description: titles[id].description, From: from, Refresh: time.Minute,
		Controls: controls(), Panels: panels,
	}
}

var titles = map[string]struct{ title, short, description string }{
	Overview:     {"Payments overview", "Overview", "Payments by time, amount and store, and the share that is approved."},
	Approvals:    {"Approvals and declines", "Approvals", "How many payments are approved, by which measure, and why others are not."},
	Stores:       {"Stores and customers", "Stores", "Which stores sell, which customers pay, when, and whether they return."},
	Wallets:      {"Wallets, transfers and holds", "Wallets", "What moves between accounts without a card, and what is set aside on cards and wallets."},
	Pix:          {"Pix between banks", "Pix", "What banks send each other, what is rejected and why, what has no end yet, and how long it takes."},
	Risk:         {"Risk", "Risk", "Cards with too many tries, small payments that test cards, risk scores, and reversals."},
	ServiceLevel: {"Service level", "Service level", "How fast decisions are, against the objective."},
	Pipeline:     {"Pipeline and data quality", "Pipeline", "How fresh and how complete the events in the index are."},
}

func controls() []view.Control {
	on := func(kind view.ControlKind, id, title, field string) view.Control {
		return view.Control{ID: id, Title: title, Kind: kind, Field: field, Source: view.Transactions}
	}
	return []view.Control{
		on(view.Options, "bank", "Bank", "bank_code"),
		on(view.Options, "store", "Store", "merchant_name"),
		on(view.Options, "brand", "Card brand", "card_brand"),
		on(view.Options, "status", "Status", "status"),
		on(view.Options, "currency", "Currency", "currency"),
		on(view.Slider, "amount", "Amount", "amount_minor"),
		{ID: "time", Title: "Time", Kind: view.TimeSlider},
	}
}

// top is how many rows the panels that all dashboards have take.
const top = 4

func links() view.Panel {
	return view.Panel{
		ID: "links", Title: "Dashboards", Chart: view.Links, Grid: view.Grid{W: 3 * quarter, H: top / 2},
		Definition: "Links to the other dashboards. Each opens with its own range of time.",
		Links:      []string{Overview, Approvals, Stores, Wallets, Pix, Risk, ServiceLevel, Pipeline},
	}
}

func note() view.Panel {
	return view.Panel{
		ID: "note", Title: "Times and currencies", Chart: view.Text, Grid: view.Grid{Y: top / 2, W: 3 * quarter, H: top / 2},
		Definition: "Which time zone and which currency the figures have.",
		Text:       "Times: your own zone. Hours and weekdays: UTC. Money: " + Currency + " only, counts: every currency. Small figures: change against the time before.",
	}
}

// completeTo shows the oldest of the newest watermarks of all partitions, and how many
// dead letters the index is short of. Every dashboard has this panel, because no figure
// can be trusted while events are missing.
func completeTo() view.Panel {
	newest := view.Aggregate{Function: view.Max, Field: "complete_to"}
	letters := view.Aggregate{Function: view.Max, Field: "dead_letters", Within: "5m"}
	return view.Panel{
		ID: "complete-up-to", Title: "Complete up to", Chart: view.Metric, Source: view.Watermarks, Grid: view.Grid{X: 3 * quarter, W: quarter, H: top},
		Definition: "Every event that occurred before this time is in the index, except the dead letters. Each partition of each bank reports its own time. The panel shows " +
			"the oldest of these times, among the partitions that reported anything in the last seven days. Filters do not change it. Small figure: the records of that bank " +
			"that the index refused and nobody has redriven or discarded, the most within the last five minutes. See bankctl dlq list.",
		From: "now-7d", Unfiltered: true,
		Layer: view.Layer{
			Buckets: []view.Bucket{view.Terms{
				Label: "Bank, partition", Fields: []string{"bank_code", "partition"}, Size: 1, By: &newest, Ascending: true, Accurate: true,
			}},
			Metrics: []view.Value{
				{ID: "complete-to", Label: "Complete up to", Figure: newest, Format: view.Format{Kind: view.Moment}},
				{ID: "dead-letters", Label: "dead letters", Figure: letters, Format: wholeNumber},
			},
		},
	}
}

// row is a row of panels of one height. Their widths fill the dashboard.
type row struct {
	height int
	panels []view.Panel
}

// placed sets the places of the panels: side by side within a row, the rows below each
// other, from row y on.
func placed(y int, rows []row) []view.Panel {
	var list []view.Panel
	for _, r := range rows {
		x := 0
		for _, p := range r.panels {
			p.Grid = view.Grid{X: x, Y: y, W: p.Grid.W, H: r.height}
			x += p.Grid.W
			list = append(list, p)
		}
		y += r.height
	}
	return list
}

// The heights of rows, and the widths of panels. A table is as high as ten rows, so that
// it does not scroll.
const (
	figures = 5
	charts  = 12
	tables  = 17

	whole   = view.Columns
	half    = view.Columns / 2
	quarter = view.Columns / 4
	third   = view.Columns / 3
)

// wide sets the width of a panel.
func wide(width int, p view.Panel) view.Panel {
	p.Grid.W = width
	return p
}
