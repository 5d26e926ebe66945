package view_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

var (
	approved = view.Aggregate{Function: view.Count, Filter: kql.Is{Field: "status", Value: "APPROVED"}}
	attempts = view.Aggregate{Function: view.Count}
	amount   = view.Aggregate{Function: view.Sum, Field: "amount_minor"}
)

func TestFormula(t *testing.T) {
	shifted := amount
	shifted.Shift, shifted.Within = "1d", "15m"
	shifted.Filter = kql.Is{Field: "merchant_name", Value: "d'Ávila"}
	for _, tt := range []struct {
		rule   string
		figure view.Expression
		want   string
	}{
		{"a ratio", view.Ratio(approved, attempts), "count(kql='status: APPROVED') / count()"},
		{"a math part has brackets", view.Ratio(view.Major(amount), attempts), "(sum(amount_minor) / 100) / count()"},
		{"a filter, a shift and a stretch", shifted, `sum(amount_minor, kql='merchant_name: "d\'Ávila"', shift='1d', reducedTimeRange='15m')`},
		{"a percentile", view.Aggregate{Function: view.Percentile, Field: "decision_micros", Rank: 95}, "percentile(decision_micros, percentile=95)"},
		{"a mean over buckets", view.MovingAverage{Of: attempts, Window: 6}, "moving_average(count(), window=6)"},
		{"a sum over buckets", view.CumulativeSum{Of: view.Major(amount)}, "cumulative_sum(sum(amount_minor) / 100)"},
		{"a share", view.Ratio(attempts, view.OverallSum{Of: attempts}), "count() / overall_sum(count())"},
		{"a floor", view.AtLeast{Of: view.Difference(attempts, approved)}, "pick_max(count() - count(kql='status: APPROVED'), 0)"},
		{"a default", view.OrElse{Of: attempts, Else: 3}, "defaults(count(), 3)"},
		{"a condition", view.If{Condition: view.Above{Of: attempts, Bound: 2}, Then: attempts, Else: view.Constant(0)}, "ifelse(gt(count(), 2), count(), 0)"},
		{"a difference", view.Difference(attempts, approved), "count() - count(kql='status: APPROVED')"},
	} {
		t.Run(tt.rule, func(t *testing.T) { require.Equal(t, tt.want, view.Formula(tt.figure)) })
	}
}

func TestSpansAreWhereEachExpressionStands(t *testing.T) {
	text, spans := view.Print(view.Ratio(view.Major(amount), attempts))
	var found []string
	for _, span := range spans {
		found = append(found, text[span.Min:span.Max])
	}
	require.Equal(t, []string{"sum(amount_minor)", "100", "sum(amount_minor) / 100", "count()", text}, found)
}

func TestFieldsOfAFigure(t *testing.T) {
	require.Equal(t, []string{"amount_minor", "status"}, view.Fields(view.Ratio(view.CumulativeSum{Of: amount}, approved)))
	require.Empty(t, view.Fields(attempts))
	require.Len(t, view.Aggregates(view.Difference(view.MovingAverage{Of: attempts, Window: 2}, view.OverallSum{Of: approved})), 2)
}
