package draw_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/view"
)

func value(v float64) *float64 { return &v }

func TestFigures(t *testing.T) {
	for _, tt := range []struct {
		value  *float64
		format view.Format
		want   string
	}{
		{nil, view.Format{Kind: view.Percent}, "–"},
		{value(1234567), view.Format{Kind: view.Number}, "1,234,567"},
		{value(-1234.5), view.Format{Kind: view.Number, Decimals: 2}, "-1,234.50"},
		{value(-0.001), view.Format{Kind: view.Number, Decimals: 2}, "0.00"},
		{value(999), view.Format{}, "999"},
		{value(0.8813), view.Format{Kind: view.Percent, Decimals: 2}, "88.13 %"},
		{value(1687185.85), view.Format{Kind: view.Money, Decimals: 2, Unit: "BRL"}, "1,687,185.85 BRL"},
		{value(49600), view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Microseconds, As: view.Milliseconds}, "49.6 ms"},
		{value(61500), view.Format{Kind: view.Duration, Decimals: 1, Unit: view.Milliseconds, As: view.Seconds}, "61.5 s"},
		{value(1772622000000), view.Format{Kind: view.Moment}, "2026-03-04 11:00:00Z"},
		{value(0.031), view.Format{Kind: view.Percent, Decimals: 1, Signed: true}, "+3.1 %"},
		{value(0), view.Format{Signed: true}, "0"},
		{value(math.NaN()), view.Format{}, "–"},
		{value(1e300), view.Format{Kind: view.Moment}, "–"},
	} {
		require.Equal(t, tt.want, draw.Figure(tt.value, tt.format))
	}
}
