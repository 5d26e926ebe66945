// Package alert has the rules that alert operators when a figure of the dashboards
// needs attention. It writes them in the form that Kibana's API takes: POST
// /api/alerting/rule/{id}.
//
// Rules have no actions. The operators of a Kibana decide who is notified and how, and
// they keep that setting themselves.
package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Rule checks a condition over the last window of time, again and again. It is raised
// when the condition holds.
type Rule struct {
	// ID never changes.
	ID   string
	Name string
	// Definition says when the rule is raised and what it leaves out.
	Definition string
	Source     view.Source
	// TimeField is the time field that Window applies to.
	TimeField string
	// Window is the time up to now that each check covers, in whole minutes.
	Window time.Duration
	// Every is the time between two checks, in whole minutes. It is at most Window, so
	// that no time lies between two checks.
	Every     time.Duration
	Condition Condition
}

// Condition is the condition that raises a rule. It is one of Fewer, Largest, Ratio,
// Rank and Behind.
type Condition interface{ condition() }

type (
	// Fewer holds when there are fewer documents than Than.
	Fewer struct {
		Query kql.Query
		Than  int64
	}
	// Largest holds when the largest value of a field is above Above, for each value of
	// Per by itself.
	Largest struct {
		Query kql.Query
		Field string
		Above int64
		Per   string
	}
	// Ratio holds when less than Percent of the documents of Query are documents of Of.
	// It needs at least AtLeast documents, because one failure among a few documents
	// proves nothing.
	Ratio struct {
		Query   kql.Query
		Of      kql.Query
		Percent int64
		AtLeast int64
	}
	// Rank holds when a percentile of a field is above Above. It needs at least AtLeast
	// documents.
	Rank struct {
		Query   kql.Query
		Field   string
		Rank    int
		Above   int64
		AtLeast int64
	}
	// Behind holds when the newest Field of a combination of Per is more than Seconds
	// old.
	Behind struct {
		Field   string
		Per     []string
		Seconds int64
	}
)

func (Fewer) condition()   {}
func (Largest) condition() {}
func (Ratio) condition()   {}
func (Rank) condition()    {}
func (Behind) condition()  {}

// Body is the body of the request that creates the rule in Kibana.
func (r Rule) Body() map[string]any {
	kind, params := r.params()
	params["timeField"] = r.TimeField
	params["timeWindowSize"] = int64(r.Window / time.Minute)
	params["timeWindowUnit"] = "m"
	return map[string]any{
		"name": r.Name, "rule_type_id": kind, "consumer": "stackAlerts", "enabled": true, "tags": []string{"code-bank"},
		"schedule": map[string]any{"interval": strconv.Itoa(int(r.Every/time.Minute)) + "m"},
		"params":   params, "actions": []any{},
	}
}

// The rule types that every Kibana has.
const (
	esQuery        = ".es-query"
	indexThreshold = ".index-threshold"
)

func (r Rule) params() (string, map[string]any) {
	switch c := r.Condition.(type) {
	case Fewer:
		return indexThreshold, map[string]any{
			"index": []string{string(r.Source)}, "aggType": "count", "groupBy": "all", "filterKuery": kql.Text(c.Query),
			"thresholdComparator": "<", "threshold": []int64{c.Than},
		}
	case Largest:
		return indexThreshold, map[string]any{
			"index": []string{string(r.Source)}, "aggType": "max", "aggField": c.Field, "groupBy": "top", "termField": c.Per, "termSize": 100,
			"filterKuery": kql.Text(c.Query), "thresholdComparator": ">", "threshold": []int64{c.Above},
		}
	}
	// Any row is a reason to raise the rule: the query returns rows only when the
	// condition holds.
	return esQuery, map[string]any{
		"searchType": "esqlQuery", "esqlQuery": map[string]any{"esql": r.query()}, "size": 100, "aggType": "count", "groupBy": "all",
		"excludeHitsFromPreviousRun": false, "thresholdComparator": ">", "threshold": []int64{0},
	}
}

// query is the rule's condition in ES|QL. Kibana adds the window of time.
func (r Rule) query() string {
	steps := []string{"FROM " + string(r.Source)}
	switch c := r.Condition.(type) {
	case Ratio:
		steps = append(steps, "WHERE "+where(c.Query),
			"STATS documents = COUNT(*), found = COUNT(CASE("+where(c.Of)+", 1, NULL))",
			fmt.Sprintf("WHERE documents >= %d AND found * 100 < documents * %d", c.AtLeast, c.Percent))
	case Rank:
		steps = append(steps, "WHERE "+where(c.Query),
			fmt.Sprintf("STATS documents = COUNT(*), figure = PERCENTILE(%s, %d)", c.Field, c.Rank),
			fmt.Sprintf("WHERE documents >= %d AND figure > %d", c.AtLeast, c.Above))
	case Behind:
		steps = append(steps, "STATS newest = MAX("+c.Field+") BY "+strings.Join(c.Per, ", "),
			fmt.Sprintf(`WHERE DATE_DIFF("seconds", newest, NOW()) > %d`, c.Seconds))
	}
	return strings.Join(steps, " | ")
}

// where writes a query in ES|QL. A nil query matches all documents. The values of Is
// and OneOf are keywords, and bounds are numbers.
func where(q kql.Query) string {
	switch q := q.(type) {
	case kql.And:
		return joined(q, " AND ", "TRUE")
	case kql.Or:
		return joined(q, " OR ", "FALSE")
	case kql.Not:
		return "NOT " + where(q.Query)
	case kql.Is:
		return q.Field + " == " + strconv.Quote(q.Value)
	case kql.OneOf:
		values := make([]string, len(q.Values))
		for i, value := range q.Values {
			values[i] = strconv.Quote(value)
		}
		return q.Field + " IN (" + strings.Join(values, ", ") + ")"
	case kql.Exists:
		return q.Field + " IS NOT NULL"
	case kql.Compare:
		return q.Field + " " + string(q.Operator) + " " + q.Value
	}
	return "TRUE"
}

func joined(queries []kql.Query, between, nothing string) string {
	var parts []string
	for _, one := range queries {
		if !kql.Empty(one) {
			parts = append(parts, where(one))
		}
	}
	if len(parts) == 0 {
		return nothing
	}
	return "(" + strings.Join(parts, between) + ")"
}

// Uses returns the fields that a rule needs, with their purposes.
func (r Rule) Uses() []view.Use {
	uses := []view.Use{{Field: r.TimeField, For: view.ToPlaceInTime}}
	switch c := r.Condition.(type) {
	case Fewer:
		uses = append(uses, view.QueryUses(c.Query)...)
	case Largest:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.Use{Field: c.Field, For: view.ToCalculate}, view.Use{Field: c.Per, For: view.ToGroup})
	case Ratio:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.QueryUses(c.Of)...)
	case Rank:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.Use{Field: c.Field, For: view.ToCalculate})
	case Behind:
		uses = append(uses, view.Use{Field: c.Field, For: view.ToPlaceInTime})
		for _, field := range c.Per {
			uses = append(uses, view.Use{Field: field, For: view.ToList})
		}
	}
	return uses
}

// Formula writes the condition in one line, for people.
func (r Rule) Formula() string {
	if kind, _ := r.params(); kind == esQuery {
		return r.query()
	}
	switch c := r.Condition.(type) {
	case Fewer:
		return fmt.Sprintf("count(kql='%s') < %d", kql.Text(c.Query), c.Than)
	case Largest:
		return fmt.Sprintf("max(%s, kql='%s') > %d, for each %s", c.Field, kql.Text(c.Query), c.Above, c.Per)
	}
	return ""
}

// Check returns the faults of a rule by itself. A sound rule has none.
func (r Rule) Check() []string {
	var findings []string
	report := func(format string, args ...any) {
		findings = append(findings, "rule "+r.ID+": "+fmt.Sprintf(format, args...))
	}
	if r.Name == "" || r.Definition == "" {
		report("has no name or no definition")
	}
	if r.Window < time.Minute || r.Window%time.Minute != 0 || r.Every < time.Minute || r.Every%time.Minute != 0 {
		report("checks %s every %s: both must be whole minutes", r.Window, r.Every)
	}
	if r.Every > r.Window {
		report("checks %s every %s: the time between two checks is not covered", r.Window, r.Every)
	}
	positive := func(what string, n int64) {
		if n < 1 {
			report("%s is %d", what, n)
		}
	}
	switch c := r.Condition.(type) {
	case Fewer:
		positive("the threshold", c.Than)
	case Largest:
		positive("the threshold", c.Above)
	case Ratio:
		positive("the least number of documents", c.AtLeast)
		if c.Percent < 1 || c.Percent > 100 {
			report("the threshold is %d per cent", c.Percent)
		}
	case Rank:
		positive("the threshold", c.Above)
		positive("the least number of documents", c.AtLeast)
		if c.Rank < 1 || c.Rank > 99 {
			report("the rank is %d", c.Rank)
		}
	case Behind:
		positive("the threshold", c.Seconds)
	default:
		report("has no condition")
	}
	return findings
}
