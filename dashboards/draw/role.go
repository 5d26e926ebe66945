package draw

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

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

// roles are the names that have the same colour everywhere.
var roles = map[string]Role{
	"APPROVED": "approved", "DECLINED": "declined", "PENDING": "pending", "REFUNDED": "refunded", "HELD": "held",
	"VISA": "visa", "MASTERCARD": "mastercard", "ELO": "elo", "AMEX": "amex", "AMERICAN_EXPRESS": "amex",
	"HIPERCARD": "hipercard", "DINERS": "diners", "DISCOVER": "diners",
}

// Named returns the role that belongs to a name wherever it stands, or an empty role.
func Named(name string) Role { return roles[strings.ToUpper(strings.TrimSpace(name))] }

// Roles returns every role of a series, for stylesheets.
func Roles() []Role {
	list := []Role{Accent, Muted, Others}
	for _, role := range roles {
		if !slices.Contains(list, role) {
			list = append(list, role)
		}
	}
	for i := range Slots {
		list = append(list, slot(i))
	}
	slices.Sort(list)
	return list
}

func slot(i int) Role { return Role(strconv.Itoa(i%Slots + 1)) }

// slots are the slots that the colours of brands are taken from.
var slots = map[Role]int{"visa": 0, "mastercard": 1, "elo": 2, "amex": 3, "hipercard": 4, "diners": 5}

// coloured returns a role for each name. A name with a role of its own keeps it. Any
// other name has the slot that its letters give, or the next free one. So a store has the
// same colour in most charts, and no two series of a chart share a colour while there are
// slots left.
func coloured(names []string) []Role {
	list := make([]Role, len(names))
	var used [Slots]bool
	for i, name := range names {
		list[i] = Named(name)
		if at, brand := slots[list[i]]; brand {
			used[at] = true
		}
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

// joined is the name of a row: its keys.
func joined(keys []query.Key) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.Text
	}
	return strings.Join(texts, " · ")
}
