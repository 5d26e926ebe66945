package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/query"
)

func TestAQuantileIsOneOfTheValues(t *testing.T) {
	twenty := make([]int, 20)
	for i := range twenty {
		twenty[i] = i + 1
	}
	for _, c := range []struct {
		values []int
		q      float64
		want   int
	}{{nil, 0.5, 0}, {[]int{7}, 0.99, 7}, {twenty, 0, 1}, {twenty, 0.5, 10}, {twenty, 0.95, 19}, {twenty, 0.96, 20}, {twenty, 1, 20}} {
		require.Equal(t, c.want, quantile(c.values, c.q), "%v of %v", c.q, c.values)
	}
}

func TestADashboardWithoutAFigureIsAnError(t *testing.T) {
	one := 1.0
	row := func(values ...*float64) query.Result {
		return query.Result{Table: query.Table{Rows: []query.Row{{Values: values}}}}
	}
	n, err := countValues([]query.Result{row(&one, nil), {}, row(&one)})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = countValues([]query.Result{row(nil), {}})
	require.ErrorContains(t, err, "no panel shows a figure")
	refused := row(&one)
	refused.Err = &query.ServerError{Status: 400, Reason: "too many buckets"}
	_, err = countValues([]query.Result{row(&one), refused})
	require.ErrorContains(t, err, "too many buckets")
}
