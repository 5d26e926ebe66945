package draw

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Role is the purpose of a colour. The stylesheet and the themes of pictures give each
// role its colours. The class of a series is "series-" and its role.
type Role string

// The roles that do not depend on a name.
const (
	// Accent is the only series of a chart.
	Accent Role = "accent"
	// Muted is a series to compare with, such as the day before.
	Muted Role = "muted"
	// Others gathers what has no colour of its own.
	Others Role = "other"
)

// Slots is the number of colours for series without a role of their own, and the largest
// number of series in a chart besides the one of all others.
const Slots = 6

// statuses are the values that have a role of their own.
var statuses = map[string]Role{
	"APPROVED": "approved", "DECLINED": "declined", "PENDING": "pending", "REFUNDED": "refunded", "HELD": "held",
}

// chosen are the roles of the colours that the catalogue gives to values and figures.
var chosen = map[view.Colour]Role{
	view.Good: "good", view.Bad: "bad", view.Warning: "warn", view.Quiet: Others,
	view.First: "1", view.Second: "2", view.Third: "3", view.Fourth: "4", view.Fifth: "5", view.Sixth: "6", view.Seventh: "7", view.Eighth: "8",
}

// Roles returns every role of a series, sorted, for stylesheets.
func Roles() []Role {
	list := []Role{Accent, Muted, Others}
	for _, role := range statuses {
		list = append(list, role)
	}
	for _, role := range chosen {
		list = append(list, role)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func slot(i int) Role { return Role(strconv.Itoa(i%Slots + 1)) }

// colours knows the colour of values, by field.
type colours map[string]map[string]view.Colour

// coloursOf returns the colours of the values in a panel's source.
func coloursOf(source view.Source) colours {
	for _, of := range catalogue.DataViews() {
		if of.Source == source {
			return of.Colours
		}
	}
	return nil
}

// of returns the role of the value of a bucket, or an empty role.
func (c colours) of(column query.Column, key query.Key) Role {
	if key.Other {
		return Others
	}
	if role := statuses[key.Text]; role != "" {
		return role
	}
	return chosen[c[column.Field][key.Text]]
}

// each returns the role of the only key of a row, or an empty role.
func (c colours) each(columns []query.Column, keys []query.Key) Role {
	if len(keys) == 1 {
		return c.of(columns[0], keys[0])
	}
	for _, key := range keys {
		if key.Other {
			return Others
		}
	}
	return ""
}

// spread gives a role to each name that has none: the slot that its letters give, or the
// next free one. So a store has the same colour in most charts, and no two series of a
// chart share a colour while there are slots left.
func spread(names []string, given []Role) []Role {
	list := slices.Clone(given)
	var used [Slots]bool
	for i := range used {
		used[i] = slices.Contains(given, slot(i))
	}
	for i, name := range names {
		if list[i] != "" {
			continue
		}
		sum := fnv.New32a()
		sum.Write([]byte(name))
		at := int(sum.Sum32() % Slots)
		for tries := 0; used[at] && tries < Slots; tries++ {
			at = (at + 1) % Slots
		}
		used[at] = true
		list[i] = slot(at)
	}
	return list
}

// Status is the state of a figure by its thresholds. It is never shown by colour alone.
type Status string

// The states.
const (
	Neutral Status = ""
	Good    Status = "good"
	Warn    Status = "warn"
	Bad     Status = "bad"
)

// statusOf returns the state of a figure.
func statusOf(value *float64, thresholds *view.Thresholds) Status {
	if value == nil || thresholds == nil {
		return Neutral
	}
	states := []Status{Good, Warn, Bad}
	if thresholds.RisingIsGood {
		states = []Status{Bad, Warn, Good}
	}
	switch {
	case *value < thresholds.First:
		return states[0]
	case *value < thresholds.Second:
		return states[1]
	}
	return states[2]
}

// compared reports whether a figure is only there to be compared with: all of it lies in an
// earlier range, or it is a mean of other values.
func compared(e view.Expression) bool {
	if _, mean := e.(view.MovingAverage); mean {
		return true
	}
	parts := view.Aggregates(e)
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(a view.Aggregate) bool { return a.Shift == "" })
}

// adds reports whether the figures of several rows may be added up.
func adds(e view.Expression) bool {
	switch e := e.(type) {
	case view.Aggregate:
		return e.Function == view.Count || e.Function == view.Sum
	case view.CumulativeSum:
		return adds(e.Of)
	case view.Math:
		_, fixed := e.Right.(view.Constant)
		switch e.Operator {
		case view.Plus, view.Minus:
			return adds(e.Left) && adds(e.Right)
		case view.Times, view.Divide:
			return fixed && adds(e.Left)
		}
	}
	return false
}

// joined is the name of a row: its keys in words.
func joined(keys []query.Key) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = printable(key.Name())
	}
	return strings.Join(texts, " · ")
}
