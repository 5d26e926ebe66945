package query

import (
	"strconv"
	"strings"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// terms divides by values. Those of several fields are asked for one inside the other
// and put in order here; of one field, the server does.
func (q *question) terms(b view.Terms, at, shift int) object {
	below := q.level(at+1, shift)
	path, order := q.order(b)
	for name, aggregation := range order {
		below[name] = aggregation
	}
	aggregation := below
	for i := len(b.Fields) - 1; i >= 0; i-- {
		// What is below is reckoned for the values that a shard sends alone, so few.
		settings := object{"field": b.Fields[i], "size": b.Size, "shard_size": 3*b.Size + spare, "collect_mode": "breadth_first"}
		if b.Accurate {
			settings["shard_size"] = max(accurate, 3*b.Size)
		}
		if len(b.Fields) == 1 {
			settings["order"] = path
			settings["show_term_doc_count_error"] = true
		} else {
			settings["size"], settings["shard_size"] = combined, 2*combined
		}
		aggregation = object{"b": with(object{"terms": settings}, aggregation)}
	}
	if b.Other {
		aggregation["o"] = with(object{"filter": object{"bool": object{"filter": present(b.Fields)}}}, q.rest(at, shift))
	}
	return aggregation
}

// rest are the figures of all values together; what is not shown is reckoned from them.
// Other values below have no meaning there.
func (q *question) rest(at, shift int) object {
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

// order returns by what values are ordered, and the aggregation that this needs. Only
// documents of the panel's own range count for it.
func (q *question) order(b view.Terms) (order, below object) {
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
	if stretch, err := parseStretch(by.Within); err == nil {
		conditions = append(conditions, during(q.time, q.at.last(stretch)))
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

// suffix chooses one of the values of an aggregate that has several.
func suffix(a view.Aggregate) string {
	switch a.Function {
	case view.Average:
		return ".avg"
	case view.Percentile:
		return "." + strconv.Itoa(a.Rank)
	}
	return ""
}

// named is the text of several values as one.
func named(values []string) string { return strings.Join(values, " · ") }
