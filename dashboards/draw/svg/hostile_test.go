package svg_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw/drawtest"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/draw/png"
	"codebank.dev/dashboards/draw/svg"
	"codebank.dev/dashboards/query"
)

// The index may hold any number. A picture of it may be of no use, but it is one.
func TestNoFigureKeepsAPanelFromBeingDrawn(t *testing.T) {
	for name, values := range map[string][]float64{
		"largest":  {math.MaxFloat64},
		"both":     {math.MaxFloat64, -math.MaxFloat64},
		"smallest": {math.SmallestNonzeroFloat64, 0},
		"none":     {math.NaN(), math.Inf(1), math.Inf(-1)},
		"mixed":    {0, math.MaxFloat64, -1, math.NaN(), 1e-9, math.Inf(1), -9e15},
	} {
		for _, board := range catalogue.Dashboards() {
			for _, result := range drawtest.Results(board, drawtest.Many) {
				result.Table.Rows = withValues(result.Table.Rows, values)
				require.NotPanics(t, func() {
					if drawn := svg.Panel(result, svg.Options{Width: 334}); drawn != nil {
						read(t, drawn)
					}
				}, "%s: %s of %s", name, result.Panel.ID, board.ID)
			}
		}
	}
}

func TestALargestSumIsAPicture(t *testing.T) {
	result := drawtest.Result(panelOf(t, catalogue.Approvals, "decline-reasons"), drawtest.Many)
	result.Table.Rows = withValues(result.Table.Rows, []float64{math.MaxFloat64})
	_, err := png.Panel(result, svg.Options{Width: 600, Height: 300}, picture.Light)
	require.False(t, errors.Is(err, png.ErrNoPicture))
	require.NoError(t, err)
}

// withValues returns rows with other figures, one after the other.
func withValues(rows []query.Row, values []float64) []query.Row {
	rows = slices.Clone(rows)
	next := 0
	for i := range rows {
		rows[i].Values = slices.Clone(rows[i].Values)
		for at := range rows[i].Values {
			rows[i].Values[at] = &values[next%len(values)]
			next++
		}
	}
	return rows
}
