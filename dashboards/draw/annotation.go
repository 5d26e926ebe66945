package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Annotation marks a point in time, or a time with a length, with a word, for example Release
// or Outage.
type Annotation struct {
	At time.Time
	// To is when it ends. An annotation without a length has the zero time, or At.
	To   time.Time
	Word string
	// Text is a whole sentence, shown on hover. It may be empty.
	Text string
}

// Span says when it is: "24 Apr 2026 18:10", or "24 Apr 2026 18:10 to 19:45".
func (a Annotation) Span() string {
	text := a.At.Format("2 Jan 2006 15:04")
	switch {
	case !a.To.After(a.At):
		return text
	case a.To.Format(time.DateOnly) == a.At.Format(time.DateOnly):
		return text + " to " + a.To.Format("15:04")
	}
	return text + " to " + a.To.Format("2 Jan 2006 15:04")
}

// end is the end, or the moment of an annotation without a length.
func (a Annotation) end() time.Time {
	if a.To.After(a.At) {
		return a.To
	}
	return a.At
}

// Marked is the annotations of one word, in the order of time.
type Marked struct {
	Word string
	All  []Annotation
}

// frequent is how often a word may stand on a chart without becoming a pattern.
const frequent = 3

// Frequent reports whether the word stands so often on the chart that it is named once, with
// its number.
func (m Marked) Frequent() bool { return len(m.All) > frequent }

// Label is the word, with the number of its annotations if it is frequent.
func (m Marked) Label() string {
	if m.Frequent() {
		return fmt.Sprintf("%s ×%d", m.Word, len(m.All))
	}
	return m.Word
}

// Marked returns the annotations by word: the rarest word first, because a reader looks for an
// outage before he looks for one of twelve pay-days.
func (x Across) Marked() []Marked {
	var list []Marked
	for _, a := range x.Annotations {
		at := slices.IndexFunc(list, func(m Marked) bool { return m.Word == a.Word })
		if at < 0 {
			at, list = len(list), append(list, Marked{Word: a.Word})
		}
		list[at].All = append(list[at].All, a)
	}
	slices.SortStableFunc(list, func(a, b Marked) int { return cmp.Compare(len(a.All), len(b.All)) })
	return list
}

// On returns the annotations of a place on the axis.
func (x Across) On(place int) []Annotation {
	if place >= len(x.Starts) {
		return nil
	}
	start := x.Starts[place]
	until := start.Add(max(x.Interval, 1))
	var list []Annotation
	for _, a := range x.Annotations {
		if a.At.Before(until) && (a.end().After(start) || a.At.Equal(start)) {
			list = append(list, a)
		}
	}
	return list
}

// annotate puts the annotations between two times on the axis, in the order of time: those of
// the settings, and the panel's own. One of the panel's own is left out if the settings have
// the same word within a day, because the settings know more.
func (x *Across) annotate(of, own []Annotation, first, until time.Time) {
	const near = 24 * time.Hour
	all := slices.Clone(of)
	for _, a := range own {
		same := func(b Annotation) bool { return a.Word == b.Word && a.At.Sub(b.At).Abs() < near }
		if !slices.ContainsFunc(of, same) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b Annotation) int { return a.At.Compare(b.At) })
	zone := first.Location()
	for _, a := range all {
		if !a.At.Before(until) || a.end().Before(first) {
			continue
		}
		shown := Annotation{At: a.At.In(zone), Word: printable(a.Word), Text: printable(a.Text)}
		if a.To.After(a.At) {
			shown.To = a.To.In(zone)
		}
		x.Annotations = append(x.Annotations, shown)
	}
}

// markedText names what is marked on an axis, or is empty.
func (x Across) markedText() string {
	var parts []string
	for _, m := range x.Marked() {
		if m.Frequent() {
			parts = append(parts, m.Label())
			continue
		}
		for _, a := range m.All {
			parts = append(parts, a.Word+" "+a.Span())
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "marked: " + strings.Join(parts, ", ")
}
