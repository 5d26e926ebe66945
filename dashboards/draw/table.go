package draw

import (
	"cmp"
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Table is the cells of a table, for a page or a terminal. Every chart has one.
type Table struct {
	Columns []TableColumn
	Rows    [][]Cell
}

// TableColumn is the heading of a column.
type TableColumn struct {
	// ID is the id of the metric, or empty for a bucket.
	ID    string
	Label string
	// Unit is the unit of every figure of the column. The cells do not repeat it.
	Unit string
	// Right says that the column is a figure, which is aligned on the right.
	Right bool
}

// Cell is one cell.
type Cell struct {
	Text  string
	Right bool
	// Status is the state of a figure by its thresholds.
	Status Status
	// Link is where the cell leads, or nil.
	Link *Link
	// Value is the figure behind the text, for sorting. It is nil for names.
	Value *float64
}

// Link leads from a value to other views. The page makes the address.
type Link struct {
	// Field and Value are the filter that the value stands for.
	Field, Value string
	// Dashboards are the ids of the dashboards that the value leads to. If there are none,
	// the value leads to single events, such as those of a trace.
	Dashboards []string
}

// TableOf returns the cells of any panel.
func TableOf(result query.Result, s Settings) Table {
	result = checked(result)
	t := result.Table
	var table Table
	for _, bucket := range t.Buckets {
		table.Columns = append(table.Columns, TableColumn{Label: bucket.Label})
	}
	for _, metric := range t.Metrics {
		table.Columns = append(table.Columns, TableColumn{ID: metric.ID, Label: metric.Label, Unit: Unit(metric.Format), Right: true})
	}
	for _, row := range t.Rows {
		cells := make([]Cell, 0, len(table.Columns))
		for i, key := range row.Keys {
			cells = append(cells, keyCell(result, i, key, s))
		}
		for m, value := range row.Values {
			metric := t.Of(row, m)
			cells = append(cells, Cell{
				Text: withoutUnit(value, metric, s.zone()), Right: true, Value: value,
				Status: statusOf(value, result.Panel.Layer.Metrics[m].Thresholds),
			})
		}
		table.Rows = append(table.Rows, cells)
	}
	return table
}

// withoutUnit writes a figure whose unit stands in the heading.
func withoutUnit(value *float64, column query.Column, zone *time.Location) string {
	text, unit := shown(value, column, zone), Unit(column.Format)
	if unit == "" || value == nil {
		return text
	}
	return text[:len(text)-len(unit)-1]
}

func keyCell(result query.Result, at int, key query.Key, s Settings) Cell {
	cell := Cell{Text: printable(key.Name())}
	panel := result.Panel
	if panel.Chart == view.Documents {
		field := cmp.Or(result.Table.Buckets[at].Field, result.Table.Buckets[at].Label)
		if field == panel.Documents.Newest {
			if moment, err := time.Parse(time.RFC3339Nano, key.Text); err == nil {
				cell.Text = moment.In(s.zone()).Format("2 Jan 2006 15:04:05.000")
			}
		}
		if field == "trace_id" && key.Text != "" {
			cell.Link = &Link{Field: field, Value: key.Text}
		}
		return cell
	}
	if at >= len(panel.Layer.Buckets) {
		return cell
	}
	switch bucket := panel.Layer.Buckets[at].(type) {
	case view.Time:
		cell.Text = intervalName(key.Moment().In(s.zone()), result.Table.Interval)
	case view.Terms:
		if len(panel.Drilldowns) > 0 && len(bucket.Fields) == 1 && !key.Other {
			cell.Link = &Link{Field: bucket.Fields[0], Value: key.Text}
			for _, drilldown := range panel.Drilldowns {
				cell.Link.Dashboards = append(cell.Link.Dashboards, drilldown.To)
			}
		}
	}
	return cell
}
