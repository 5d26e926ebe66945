package query

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/view"
)

// FuzzAnswer: any response of a server to the search of any panel becomes a table with
// complete rows, or an error.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"hits":{"total":{"value":3}},"aggregations":{"b":{"buckets":[{"key":"a","doc_count":2,"by":{"doc_count":1,"m0":{"value":1}},"g0m0":{"value":null},"b":{"buckets":[]}}]},"o":{"doc_count":4}}}`))
	f.Add([]byte(`{"aggregations":{"s0":{"doc_count":1,"b":{"buckets":[{"key":1772622000000,"doc_count":1}]}},"g0":{"doc_count":1,"m0":{"values":[{"key":95.0,"value":null}]}}}}`))
	f.Add([]byte(`{"error":{"reason":"a","caused_by":{"reason":"b"}},"status":400}`))
	f.Add([]byte(`{"hits":{"hits":[{"_source":{"occurred_at":1e300}}]}}`))
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	var queries []*panelQuery
	count := view.Aggregate{Function: view.Count}
	panels := []view.Panel{{Source: view.Transactions, Layer: view.Layer{
		Buckets: []view.Bucket{view.Terms{Fields: []string{"a", "b"}, Size: 2, By: &count, Other: true}, view.Terms{Fields: []string{"c"}, Size: 2, Other: true}},
		Metrics: []view.Value{{Figure: count}},
	}}}
	for _, board := range catalogue.Dashboards() {
		panels = append(panels, board.Panels...)
	}
	for _, panel := range panels {
		if panel.Source == "" {
			continue
		}
		q, err := newPanelQuery(panel, "occurred_at", Range{now.Add(-time.Hour), now}, now)
		if err != nil {
			f.Fatal(err)
		}
		queries = append(queries, q)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := parseResponse(raw)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		for _, q := range queries {
			table, err := q.table(a)
			if err != nil {
				continue
			}
			for _, row := range table.Rows {
				require.Len(t, row.Keys, len(table.Buckets))
				require.Len(t, row.Values, len(table.Metrics))
				for _, value := range row.Values {
					require.False(t, value != nil && (math.IsNaN(*value) || math.IsInf(*value, 0)))
				}
			}
			_, _ = read(slot{of: count}, 0, nil)
		}
	})
}

// FuzzMoment: a text is read as a point in time or refused. A result lies in the years
// that can be written.
func FuzzMoment(f *testing.F) {
	for _, text := range []string{"now", "now-24h/d", "2026-01-02", "now+1y", "15m"} {
		f.Add(text)
	}
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		if moment, err := ParseMoment(text, now); err == nil {
			require.GreaterOrEqual(t, moment.Year(), 1969)
			require.LessOrEqual(t, moment.Year(), 9999)
		}
		if length, err := parseLength(text); err == nil {
			require.Positive(t, length)
		}
	})
}
