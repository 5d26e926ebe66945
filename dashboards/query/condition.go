package query

import (
	"time"

	"codebank.dev/dashboards/kql"
)

// object is JSON for Elasticsearch.
type object = map[string]any

// condition converts a query to Elasticsearch's language.
func condition(q kql.Query) object {
	if kql.Empty(q) {
		return object{"match_all": object{}}
	}
	switch q := q.(type) {
	case kql.And:
		all := conditions(q)
		if len(all) == 1 { // The server optimizes a plain condition better.
			return all[0]
		}
		return object{"bool": object{"filter": all}}
	case kql.Or:
		return object{"bool": object{"should": conditions(q), "minimum_should_match": 1}}
	case kql.Not:
		return object{"bool": object{"must_not": []object{condition(q.Query)}}}
	case kql.Is:
		return object{"term": object{q.Field: q.Value}}
	case kql.OneOf:
		return object{"terms": object{q.Field: q.Values}}
	case kql.Exists:
		return object{"exists": object{"field": q.Field}}
	case kql.Compare:
		return object{"range": object{q.Field: object{comparisons[q.Operator]: q.Value}}}
	}
	panic("query: unknown kind of query")
}

var comparisons = map[kql.Operator]string{kql.Less: "lt", kql.LessOrEqual: "lte", kql.Greater: "gt", kql.GreaterOrEqual: "gte"}

func conditions(queries []kql.Query) []object {
	list := []object{}
	for _, q := range queries {
		if !kql.Empty(q) {
			list = append(list, condition(q))
		}
	}
	return list
}

// during returns a condition for a range of time.
func during(field string, r Range) object {
	return object{"range": object{field: object{
		"gte": r.From.UnixMilli(), "lte": r.To.UnixMilli(), "format": "epoch_millis",
	}}}
}

// earlier returns the range moved back by a length of time.
func (r Range) earlier(by time.Duration) Range { return Range{r.From.Add(-by), r.To.Add(-by)} }

// last returns the last part of the range.
func (r Range) last(length time.Duration) Range { return Range{r.To.Add(-length), r.To} }
