package draw

import (
	"slices"
	"time"

	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Across is a horizontal axis of names or of intervals of time.
type Across struct {
	// Label is the name of the axis.
	Label string
	// Names are the full names of the places, in order. An interval is named by its start.
	Names []string
	// Time says that the places are intervals.
	Time bool
	// Starts are the starts of the intervals, in the reader's zone.
	Starts   []time.Time
	Interval time.Duration
	// Zone is the name of the reader's zone, for example UTC−03:00.
	Zone string
	// Incomplete says for each interval that a part of it lies outside of the range, or is
	// not known yet.
	Incomplete  []bool
	Annotations []Annotation

	places map[float64]int
	names  map[string]int
}

// across returns the axis of the last bucket.
func across(result query.Result, s Settings) Across {
	t := result.Table
	x := Across{places: map[float64]int{}, names: map[string]int{}}
	last := len(t.Buckets) - 1
	if last < 0 {
		x.Names = []string{""}
		return x
	}
	x.Label = t.Buckets[last].Label
	if buckets := result.Panel.Layer.Buckets; last < len(buckets) {
		_, x.Time = buckets[last].(view.Time)
	}
	if x.Time {
		x.intervals(result, s)
		return x
	}
	for _, row := range t.Rows {
		value := row.Keys[last].Text
		if _, known := x.names[value]; !known {
			x.names[value] = len(x.Names)
			x.Names = append(x.Names, printable(row.Keys[last].Name()))
		}
	}
	x.Incomplete = make([]bool, len(x.Names))
	return x
}

// intervals fills an axis of time.
func (x *Across) intervals(result query.Result, s Settings) {
	t := result.Table
	last := len(t.Buckets) - 1
	x.Interval = t.Interval
	var starts []float64
	for _, row := range t.Rows {
		if n := row.Keys[last].Number; finite(&n) != nil && n >= -lastMillis && n <= lastMillis {
			starts = append(starts, n)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	end := result.Range.To.Add(time.Millisecond) // The end belongs to the range.
	if !s.CompleteTo.IsZero() && s.CompleteTo.Before(end) {
		end = s.CompleteTo
	}
	for i, n := range starts {
		at := time.UnixMilli(int64(n)).In(s.zone())
		x.places[n] = i
		x.Starts = append(x.Starts, at)
		x.Names = append(x.Names, intervalName(at, x.Interval))
		cut := at.Before(result.Range.From) || at.Add(x.Interval).After(end)
		x.Incomplete = append(x.Incomplete, cut && !result.Range.To.IsZero())
	}
	if len(x.Starts) > 0 {
		x.Zone = ZoneName(x.Starts[len(x.Starts)-1])
		first, until := x.Starts[0], x.Starts[len(x.Starts)-1].Add(x.Interval)
		var own []Annotation
		for _, a := range result.Panel.Annotations {
			own = append(own, Annotation{At: a.At, Word: a.Label})
		}
		x.annotate(s.Annotations, own, first, until)
	}
}

// at returns the place of a row, or -1.
func (x Across) at(keys []query.Key, last int) int {
	if last < 0 {
		return 0
	}
	if x.Time {
		if place, known := x.places[keys[last].Number]; known {
			return place
		}
		return -1
	}
	return x.names[keys[last].Text]
}

// ZoneName names the zone of a point in time by its distance from UTC.
func ZoneName(at time.Time) string {
	if _, seconds := at.Zone(); seconds == 0 {
		return "UTC"
	}
	return "UTC" + at.Format("-07:00")
}

// intervalName names an interval by its start, as exactly as its length needs.
func intervalName(at time.Time, length time.Duration) string {
	switch {
	case length >= 24*time.Hour:
		return at.Format("2 Jan 2006")
	case length >= time.Minute || length == 0:
		return at.Format("2 Jan 2006 15:04")
	}
	return at.Format("2 Jan 2006 15:04:05")
}
