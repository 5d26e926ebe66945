package view

import (
	"slices"

	"codebank.dev/dashboards/kql"
)

// Use is a field that a part of a dashboard needs, and the purpose of it.
type Use struct {
	Field string
	For   Purpose
}

// Purpose is why a field is needed. The type of the field must fit it.
type Purpose string

// The purposes.
const (
	// ToSearch: a query searches the field. Any type fits.
	ToSearch Purpose = "searching"
	// ToCompare: a query compares the field with a bound. It is a number or a date.
	ToCompare Purpose = "comparing"
	// ToGroup: a bucket lists the values of the field. It is a keyword.
	ToGroup Purpose = "grouping"
	// ToCount: a figure counts the different values of the field. It is a keyword.
	ToCount Purpose = "counting values"
	// ToCalculate: a figure calculates with the field. It is a number.
	ToCalculate Purpose = "calculating"
	// ToRank: a figure takes the largest or smallest value of the field. It is a number
	// or a date.
	ToRank Purpose = "ranking"
	// ToPlaceInTime: the field places documents in time. It is a date.
	ToPlaceInTime Purpose = "placing in time"
	// ToList: the field is shown as it is. Any type fits.
	ToList Purpose = "listing"
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

// Uses returns every field that a panel needs, with its purpose, in no order and with
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
		uses = append(uses, Use{p.Trend, ToPlaceInTime})
	}
	if p.Chart == Documents {
		uses = append(uses, Use{p.Documents.Newest, ToPlaceInTime})
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
		uses = append(uses, Use{b.Field, ToPlaceInTime})
	case Terms:
		for _, field := range b.Fields {
			// Combinations of fields accept any type, and so does a list of numbers.
			if b.Numeric {
				uses = append(uses, Use{field, ToCalculate})
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
		uses = append(uses, Use{b.Field, ToCalculate})
	case Ranges:
		uses = append(uses, Use{b.Field, ToCalculate})
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
		uses = append(uses, Use{a.Field, ToCalculate})
	}
	return uses
}

// QueryUses returns every field that a query reads, in the form of Uses.
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
