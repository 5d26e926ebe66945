package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/dashboards/view"
)

// leaf adds the values of one row, or the part of the row that a shift has.
func (c *cells) leaf(p position, in bucket) error {
	values := c.row(p.keys)
	for key, s := range c.q.slots {
		g := &c.q.groups[s.group]
		if g.shift != c.q.shifts[p.shift] {
			continue
		}
		prefix := "g" + strconv.Itoa(s.group)
		count, raw := in.count, in.below[prefix+s.metric]
		if !g.unfiltered() {
			part, err := single(in.below[prefix])
			if err != nil {
				return err
			}
			count, raw = part.count, part.below[s.metric]
		}
		value, err := read(s, count, raw)
		if err != nil {
			return err
		}
		values[key] = value
	}
	return nil
}

// row returns the values of the row with these keys. It adds the row if there is none.
func (c *cells) row(keys []Key) map[string]amount {
	name := nameOf(keys)
	at, known := c.place[name]
	if !known {
		at = len(c.rows)
		c.place[name] = at
		c.keys = append(c.keys, keys)
		c.rows = append(c.rows, map[string]amount{})
	}
	return c.rows[at]
}

func nameOf(keys []Key) string {
	var name strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&name, "%q %t ", key.Text, key.Other)
	}
	return name.String()
}

// read reads the value of an aggregate. The amount is absent if the response has no
// value.
func read(s slot, count float64, raw json.RawMessage) (amount, error) {
	if s.of.Function == view.Count {
		return amount{value: count, present: true}, nil
	}
	if len(raw) == 0 {
		// The row has no documents, and the server leaves such a part out.
		return amount{present: s.of.Function == view.Sum || s.of.Function == view.Unique}, nil
	}
	var of struct {
		Value  *float64 `json:"value"`
		Count  float64  `json:"count"`
		Sum    float64  `json:"sum"`
		Values []struct {
			Key   float64  `json:"key"`
			Value *float64 `json:"value"`
		} `json:"values"`
	}
	if err := json.Unmarshal(raw, &of); err != nil {
		return amount{}, fmt.Errorf("query: the response has an invalid value of %s: %w", view.Formula(s.of), err)
	}
	switch s.of.Function {
	case view.Average:
		return amount{value: of.Sum, n: of.Count, present: of.Count > 0, rounded: mayBeRounded(of.Sum)}, nil
	case view.Percentile:
		for _, value := range of.Values {
			if int(value.Key) == s.of.Rank && value.Value != nil {
				return amount{value: *value.Value, present: true}, nil
			}
		}
		return amount{}, nil
	}
	if of.Value == nil {
		return amount{}, nil
	}
	return amount{value: *of.Value, present: true, rounded: mayBeRounded(*of.Value)}, nil
}

// other adds the rows of all values that are not shown: the figures of all values minus
// the figures of the shown values. Numbers of different values, percentiles and
// extremes cannot be calculated this way, and have no value in these rows.
func (c *cells) other(p position, raw json.RawMessage, shown []bucket) error {
	all, err := single(raw)
	if err != nil {
		return err
	}
	rest := all.count
	for _, b := range shown {
		rest -= b.count
	}
	if rest <= 0 {
		return nil
	}
	// Read into cells of their own, because rows with the same keys may already exist.
	total := &cells{q: c.q, place: map[string]int{}}
	below := p.below(Key{Label: AllOthers, Number: float64(len(shown)), Other: true})
	for _, bucket := range c.q.panel.Layer.Buckets[below.at:] {
		if _, values := bucket.(view.Terms); values {
			for below.at < len(c.q.panel.Layer.Buckets) {
				below = below.below(Key{Label: allBelow, Other: true})
			}
			below.shift = max(below.shift, 0)
			break
		}
	}
	if err := total.walk(below, all); err != nil {
		return err
	}
	for i, keys := range total.keys {
		values := c.row(keys)
		for name, value := range total.rows[i] {
			values[name] = c.less(p, keys, name, value)
		}
	}
	return nil
}

// less subtracts from a value the amounts in the rows of the shown values.
func (c *cells) less(p position, keys []Key, name string, value amount) amount {
	switch c.q.slots[name].of.Function {
	case view.Count, view.Sum, view.Average:
	default:
		return amount{}
	}
	summed := len(keys) > p.at+1 && keys[len(keys)-1].Other
	for i, row := range c.keys {
		if row[p.at].Other || !sameKeys(row[:p.at], keys[:p.at]) || !summed && !sameKeys(row[p.at+1:], keys[p.at+1:]) {
			continue
		}
		value.rounded = value.rounded || c.rows[i][name].rounded
		value.value -= c.rows[i][name].value
		value.n -= c.rows[i][name].n
	}
	if c.q.slots[name].of.Function == view.Average {
		value.present = value.n > 0
	}
	return value
}

func sameKeys(a, b []Key) bool {
	return slices.EqualFunc(a, b, func(x, y Key) bool { return x.Text == y.Text && x.Other == y.Other })
}
