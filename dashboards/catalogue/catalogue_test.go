package catalogue_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// each calls a function for every panel with figures.
func each(do func(name string, p view.Panel)) {
	for _, board := range catalogue.Dashboards() {
		for _, p := range board.Panels {
			if len(p.Layer.Metrics) > 0 {
				do(board.ID+"/"+p.ID, p)
			}
		}
	}
}

func TestEveryTileHasTheChangeAgainstTheTimeBefore(t *testing.T) {
	tiles := 0
	each(func(name string, p view.Panel) {
		// A time has no change, and neither has a range that the panel chooses itself.
		if p.Chart != view.Metric && p.Chart != view.Gauge || p.From != "" || p.Layer.Metrics[0].Format.Kind == view.Moment {
			return
		}
		tiles++
		require.Greater(t, len(p.Layer.Metrics), 1, name)
		change := p.Layer.Metrics[1]
		require.NotNil(t, change.Change, name)
		require.True(t, change.Format.Signed, name)
		require.Equal(t, p.Layer.Metrics[0].Format.Kind == view.Percent, change.Change.Points, "%s: the change of a rate is in points", name)
	})
	require.Greater(t, tiles, 20)
}

func TestAChartHasAtMostSixSeriesAndOther(t *testing.T) {
	each(func(name string, p view.Panel) {
		if p.Axis.Title == "" || len(p.Layer.Buckets) < 2 || p.Chart == view.Table || p.Chart == view.Heatmap {
			return
		}
		if terms, ok := p.Layer.Buckets[0].(view.Terms); ok {
			require.LessOrEqual(t, terms.Size, 6, name)
		}
	})
}

// TestACurrencyIsNeverAddedToAnother reads the model. The check of the objects reads the files.
func TestACurrencyIsNeverAddedToAnother(t *testing.T) {
	one := func(query kql.Query) bool {
		for _, part := range flat(query) {
			if is, ok := part.(kql.Is); ok && is.Field == "currency" {
				return true
			}
		}
		return false
	}
	sums := 0
	each(func(name string, p view.Panel) {
		divided := one(p.Query)
		for _, bucket := range p.Layer.Buckets {
			terms, ok := bucket.(view.Terms)
			divided = divided || ok && terms.Fields[0] == "currency"
		}
		for _, metric := range p.Layer.Metrics {
			for _, a := range view.Aggregates(metric.Figure) {
				if a.Field == "amount_minor" {
					sums++
					require.True(t, divided || one(a.Filter), "%s: %s", name, metric.ID)
				}
			}
		}
	})
	require.Greater(t, sums, 20)
}

// flat returns the parts of a query that all must hold.
func flat(query kql.Query) []kql.Query {
	all, ok := query.(kql.And)
	if !ok {
		return []kql.Query{query}
	}
	var parts []kql.Query
	for _, one := range all {
		parts = append(parts, flat(one)...)
	}
	return parts
}

func TestEveryValueWithAColourHasWords(t *testing.T) {
	transactions := catalogue.DataViews()[0]
	for field, values := range transactions.Colours {
		for value := range values {
			require.Contains(t, transactions.Words[field], value, field)
		}
	}
}

func TestPayDaysAreTheFifthBusinessDayAndTheTwentieth(t *testing.T) {
	var days []string
	each(func(name string, p view.Panel) {
		if name == "overview/payments-by-status" {
			for _, one := range p.Annotations {
				days = append(days, one.At.Format("2006-01-02"))
			}
		}
	})
	require.Len(t, days, 48)
	require.Subset(t, days, []string{"2026-01-08", "2026-04-08", "2026-06-08", "2026-11-09", "2026-11-20", "2027-02-05"})
}
