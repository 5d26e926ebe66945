package draw

import (
	"math"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// None stands for a figure without a value, such as a division by 0.
const None = "–"

// approximately marks estimates.
const approximately = "≈ "

// Figure writes a figure in its format, with its unit. A point in time is in UTC.
func Figure(value *float64, format view.Format) string { return FigureIn(value, format, time.UTC) }

// FigureIn writes a figure as Figure does, and a point in time in a zone. nil is UTC.
func FigureIn(value *float64, format view.Format, zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	if finite(value) == nil {
		return None
	}
	if format.Kind == view.Moment {
		return moment(*value, zone)
	}
	text := grouped(scaled(*value, format), format.Decimals)
	if format.Signed && *value > 0 && strings.Trim(text, "0.") != "" {
		text = "+" + text
	}
	if unit := Unit(format); unit != "" {
		text += " " + unit
	}
	return text
}

// shown writes a figure of a column, and marks an estimate.
func shown(value *float64, column query.Column, zone *time.Location) string {
	text := FigureIn(value, column.Format, zone)
	if !column.Exact && finite(value) != nil {
		return approximately + text
	}
	return text
}

// finite returns the value, or nil if it is no finite number.
func finite(value *float64) *float64 {
	if value == nil || math.IsNaN(*value) || math.IsInf(*value, 0) {
		return nil
	}
	return value
}

// Unit returns the unit in which figures of the format are shown.
func Unit(format view.Format) string {
	switch format.Kind {
	case view.Percent:
		return "%"
	case view.Money:
		return format.Unit
	case view.Bytes:
		return "B"
	case view.Duration:
		if format.As == view.Seconds {
			return "s"
		}
		return "ms"
	}
	return ""
}

// millisIn is how many of each unit make one millisecond.
var millisIn = map[string]float64{view.Microseconds: 1000, view.Milliseconds: 1, view.Seconds: 0.001}

// scale returns by how much a value is multiplied before it is shown.
func scale(format view.Format) float64 {
	switch format.Kind {
	case view.Percent:
		return 100
	case view.Duration:
		millis := 1.0
		if per, known := millisIn[format.Unit]; known {
			millis = 1 / per
		}
		if format.As == view.Seconds {
			return millis / 1000
		}
		return millis
	}
	return 1
}

// scaled returns the number that is shown for a value.
func scaled(value float64, format view.Format) float64 {
	if format.Kind == view.Duration {
		// A division keeps the digits that a multiplication by 0.001 would lose.
		if per, known := millisIn[format.Unit]; known {
			value /= per
		}
		if format.As == view.Seconds {
			value /= 1000
		}
		return value
	}
	return value * scale(format)
}

// longest is the first number that is written with an exponent. No sum of an index is exact
// at this size.
const longest = 1e18

// grouped writes a number with its thousands separated.
func grouped(v float64, decimals int) string {
	if math.Abs(v) >= longest {
		return strconv.FormatFloat(v, 'e', 3, 64)
	}
	text := strconv.FormatFloat(v, 'f', max(0, min(decimals, 9)), 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if strings.Trim(whole+fraction, "0") == "" {
		sign = ""
	}
	var groups []string
	for len(whole) > 3 {
		groups = append([]string{whole[len(whole)-3:]}, groups...)
		whole = whole[:len(whole)-3]
	}
	text = sign + strings.Join(append([]string{whole}, groups...), ",")
	if fraction != "" {
		text += "." + fraction
	}
	return text
}

// lastMillis is the last millisecond of the year 9999.
const lastMillis = 253402300799999

// moment writes a point in time, with the zone if it is not UTC.
func moment(millis float64, zone *time.Location) string {
	if math.Abs(millis) > lastMillis {
		return None // The year has more than four digits.
	}
	at := time.UnixMilli(int64(millis)).In(zone)
	if zone == time.UTC {
		return at.Format("2006-01-02 15:04:05Z")
	}
	return at.Format("2006-01-02 15:04:05 -07:00")
}

// sizes are the steps of short figures.
var sizes = []struct {
	from   float64
	letter string
}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}}

// brief writes a number for an axis: 1.5M, 200k, 0.25. step is the distance of the ticks.
func brief(v, step float64) string {
	if math.Abs(v) >= 1e15 {
		return strconv.FormatFloat(v, 'e', 1, 64)
	}
	letter := ""
	for _, size := range sizes {
		if math.Abs(v) >= size.from && (size.from > 1e3 || math.Abs(v) >= 1e4) {
			v, step, letter = v/size.from, step/size.from, size.letter
			break
		}
	}
	decimals := 0
	for decimals < 9 && math.Abs(step*math.Pow10(decimals)-math.Round(step*math.Pow10(decimals))) > 1e-6 {
		decimals++
	}
	if v == 0 {
		decimals = 0
	}
	return grouped(v, decimals) + letter
}
