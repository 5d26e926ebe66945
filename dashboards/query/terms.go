package query

import (
	"strconv"
	"strings"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// terms divides by values. Values of several fields are requested as nested buckets and
// ordered here. The server orders the values of a single field.
func (q *panelQuery) terms(b view.Terms, at, shift int) object {
	below := q.level(at+1, shift)
	path, order := q.order(b)
	for name, aggregation := range order {
		below[name] = aggregation
	}
	aggregation := below
	for i := len(b.Fields) - 1; i >= 0; i-- {
		// breadth_first: the levels below are calculated only for the values that a
		// shard sends, which are few.
		settings := object{"field": b.Fields[i], "size": b.Size, "shard_size": 3*b.Size + extraShardValues, "collect_mode": "breadth_first"}
		if b.Accurate {
			settings["shard_size"] = max(accurateShardValues, 3*b.Size)
		}
		if len(b.Fields) == 1 {
			settings["order"] = path
			settings["show_term_doc_count_error"] = true
		} else {
			settings["size"], settings["shard_size"] = combinationLimit, 2*combinationLimit
		}
		aggregation = object{"b": with(object{"terms": settings}, aggregation)}
	}
	if b.Other {
		aggregation["o"] = with(object{"filter": object{"bool": object{"filter": present(b.Fields)}}}, q.rest(at, shift))
	}
	return aggregation
}

// rest returns the figures of all values together. The figures of the values that are
// not shown are calculated from them. Levels of values below have no meaning here.
func (q *panelQuery) rest(at, shift int) object {
	for _, bucket := range q.panel.Layer.Buckets[at+1:] {
		if _, values := bucket.(view.Terms); values {
			return q.level(len(q.panel.Layer.Buckets), max(shift, 0))
		}
	}
	return q.level(at+1, shift)
}

func present(fields []string) []object {
	list := []object{}
	for _, field := range fields {
		list = append(list, object{"exists": object{"field": field}})
	}
	return list
}

// order returns the order of the values, and the aggregation that the order needs. It
// uses only documents of the panel's own range.
func (q *panelQuery) order(b view.Terms) (order, below object) {
	direction := "desc"
	if b.Ascending {
		direction = "asc"
	}
	if b.By == nil {
		return object{"_key": "asc"}, nil
	}
	by := *b.By
	whole := len(q.shifts) == 1 && kql.Empty(by.Filter) && by.Within == ""
	if by.Function == view.Count && whole {
		return object{"_count": direction}, nil
	}
	conditions := []object{during(q.time, q.at), condition(by.Filter)}
	if length, err := parseLength(by.Within); err == nil {
		conditions = append(conditions, during(q.time, q.at.last(length)))
	}
	aggregation := object{"filter": object{"bool": object{"filter": conditions}}}
	path := "by"
	if by.Function != view.Count {
		g := group{metrics: object{}, names: map[string]string{}, ranks: map[string][]int{}}
		if name, err := g.add(by); err == nil {
			aggregation["aggs"] = g.metrics
			path += ">" + name + suffix(by)
		}
	}
	return object{path: direction}, object{"by": aggregation}
}

// suffix chooses one of the values of an aggregate with several values.
func suffix(a view.Aggregate) string {
	switch a.Function {
	case view.Average:
		return ".avg"
	case view.Percentile:
		return "." + strconv.Itoa(a.Rank)
	}
	return ""
}

// named joins several values into one text.
func named(values []string) string { return strings.Join(values, " · ") }
