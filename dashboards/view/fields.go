package view

import (
	"slices"

	"codebank.dev/dashboards/kql"
)

// Use is a field that something on a dashboard needs, and what for.
type Use struct {
	Field string
	For   Purpose
}

// Purpose is what a field is needed for, which its type must fit.
type Purpose string

// The purposes.
const (
	// ToSearch: a query asks for the field. Any type will do.
	ToSearch Purpose = "search"
	// ToCompare: a query compares it: a number or a date.
	ToCompare Purpose = "compare"
	// ToGroup: values of it are listed: a keyword.
	ToGroup Purpose = "group"
	// ToCount: its different values are counted: a keyword.
	ToCount Purpose = "count values"
	// ToReckon: a number.
	ToReckon Purpose = "reckon with"
	// ToRank: its largest or smallest value is taken: a number or a date.
	ToRank Purpose = "rank"
	// ToTell is a date.
	ToTell Purpose = "tell time"
	// ToList: it is shown as it is. Any type will do.
	ToList Purpose = "list"
)

// PanelFields returns the names of the fields that a panel needs, sorted, each once.
func PanelFields(p Panel) []string {
	var names []string
	for _, use := range Uses(p) {
		names = append(names, use.Field)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Uses returns every field that a panel needs with what for, in no order and with
// repeats.
func Uses(p Panel) []Use {
	uses := QueryUses(p.Query)
	for _, bucket := range p.Layer.Buckets {
		uses = append(uses, ofBucket(bucket)...)
	}
	for _, value := range p.Layer.Metrics {
		for _, a := range Aggregates(value.Figure) {
			uses = append(uses, ofAggregate(a)...)
		}
	}
	if p.Trend != "" {
		uses = append(uses, Use{p.Trend, ToTell})
	}
	if p.Chart == Documents {
		uses = append(uses, Use{p.Documents.Newest, ToTell})
		for _, field := range p.Documents.Fields {
			uses = append(uses, Use{field, ToList})
		}
	}
	return uses
}

func ofBucket(bucket Bucket) []Use {
	var uses []Use
	switch b := bucket.(type) {
	case Time:
		uses = append(uses, Use{b.Field, ToTell})
	case Terms:
		for _, field := range b.Fields {
			// Combinations take what they find, and so does a list of numbers.
			if b.Numeric {
				uses = append(uses, Use{field, ToReckon})
			} else if len(b.Fields) > 1 {
				uses = append(uses, Use{field, ToList})
			} else {
				uses = append(uses, Use{field, ToGroup})
			}
		}
		if b.By != nil {
			uses = append(uses, ofAggregate(*b.By)...)
		}
	case Filters:
		for _, filter := range b.Filters {
			uses = append(uses, QueryUses(filter.Query)...)
		}
	case Numbers:
		uses = append(uses, Use{b.Field, ToReckon})
	case Ranges:
		uses = append(uses, Use{b.Field, ToReckon})
	}
	return uses
}

func ofAggregate(a Aggregate) []Use {
	uses := QueryUses(a.Filter)
	switch a.Function {
	case Count:
	case Unique:
		uses = append(uses, Use{a.Field, ToCount})
	case Max, Min:
		uses = append(uses, Use{a.Field, ToRank})
	default:
		uses = append(uses, Use{a.Field, ToReckon})
	}
	return uses
}

// QueryUses returns every field that a query asks for, as Uses does.
func QueryUses(q kql.Query) []Use {
	var uses []Use
	switch q := q.(type) {
	case kql.And:
		for _, one := range q {
			uses = append(uses, QueryUses(one)...)
		}
	case kql.Or:
		for _, one := range q {
			uses = append(uses, QueryUses(one)...)
		}
	case kql.Not:
		uses = QueryUses(q.Query)
	case kql.Compare:
		uses = append(uses, Use{q.Field, ToCompare})
	case nil:
	default:
		for _, field := range kql.Fields(q) {
			uses = append(uses, Use{field, ToSearch})
		}
	}
	return uses
}
