package view

import (
	"strconv"
	"strings"
)

// Words says what the colours mean: "green from 90 %, yellow from 80 %, red below".
func (t Thresholds) Words(format Format) string {
	first, second := bound(t.First, format), bound(t.Second, format)
	if t.RisingIsGood {
		return "green from " + second + ", yellow from " + first + ", red below"
	}
	return "green below " + first + ", yellow below " + second + ", red from there"
}

// bound writes a bound in the unit that the figure is shown in.
func bound(value float64, format Format) string {
	unit := ""
	switch format.Kind {
	case Percent:
		value, unit = 100*value, " %"
	case Money:
		unit = " " + format.Unit
	case Duration:
		value, unit = shownDuration(value, format)
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', -1, 64), ".0") + unit
}

func shownDuration(value float64, format Format) (float64, string) {
	switch format.Unit {
	case Microseconds:
		value /= 1000
	case Seconds:
		value *= 1000
	}
	if format.As == Seconds {
		return value / 1000, " s"
	}
	return value, " ms"
}
