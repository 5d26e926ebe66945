// Package alert has the rules that tell operators when a figure of the dashboards is
// one that somebody must look at, and writes them as Kibana's interface for rules takes
// them: POST /api/alerting/rule/{id}.
//
// Rules have no actions: whom to tell, and how, is for the operators of a Kibana to
// say, and is theirs to keep.
package alert

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Rule looks at the last stretch of time, again and again, and is raised when its
// condition holds.
type Rule struct {
	// ID never changes.
	ID   string
	Name string
	// Definition says when the rule is raised, and what it leaves out.
	Definition string
	Source     view.Source
	// TimeField is the field of time that Window is of.
	TimeField string
	// Window is the stretch of time that is looked at, up to now; whole minutes.
	Window time.Duration
	// Every is how often; at most Window, so that nothing falls between two looks.
	Every     time.Duration
	Condition Condition
}

// Condition is when a rule is raised. It is one of Fewer, Largest, Ratio, Rank and
// Behind.
type Condition interface{ condition() }

type (
	// Fewer documents than Than.
	Fewer struct {
		Query kql.Query
		Than  int64
	}
	// Largest value of a field above Above, for each value of Per by itself.
	Largest struct {
		Query kql.Query
		Field string
		Above int64
		Per   string
	}
	// Ratio of the documents that Of finds among those of Query below Percent, of at
	// least AtLeast documents: a few of which one fails say nothing.
	Ratio struct {
		Query   kql.Query
		Of      kql.Query
		Percent int64
		AtLeast int64
	}
	// Rank is a percentile of a field above Above, of at least AtLeast documents.
	Rank struct {
		Query   kql.Query
		Field   string
		Rank    int
		Above   int64
		AtLeast int64
	}
	// Behind is the newest Field of a combination of Per more than Seconds ago.
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

// Body is the rule as Kibana's interface takes it to create it.
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

// The types of rules that every Kibana has.
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
	// Whatever the query answers is a reason: it answers rows only when there is one.
	return esQuery, map[string]any{
		"searchType": "esqlQuery", "esqlQuery": map[string]any{"esql": r.query()}, "size": 100, "aggType": "count", "groupBy": "all",
		"excludeHitsFromPreviousRun": false, "thresholdComparator": ">", "threshold": []int64{0},
	}
}

// query is the rule's condition in ES|QL; Kibana adds the stretch of time.
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

// where writes a query in ES|QL; nil is one that all documents pass. Values of Is and
// OneOf are those of keywords, bounds are numbers.
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

// Uses returns the fields that a rule needs, with what for.
func (r Rule) Uses() []view.Use {
	uses := []view.Use{{Field: r.TimeField, For: view.ToTell}}
	switch c := r.Condition.(type) {
	case Fewer:
		uses = append(uses, view.QueryUses(c.Query)...)
	case Largest:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.Use{Field: c.Field, For: view.ToReckon}, view.Use{Field: c.Per, For: view.ToGroup})
	case Ratio:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.QueryUses(c.Of)...)
	case Rank:
		uses = append(append(uses, view.QueryUses(c.Query)...), view.Use{Field: c.Field, For: view.ToReckon})
	case Behind:
		uses = append(uses, view.Use{Field: c.Field, For: view.ToTell})
		for _, field := range c.Per {
			uses = append(uses, view.Use{Field: field, For: view.ToList})
		}
	}
	return uses
}

// Formula says the condition in one line, for people.
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

// Check returns what is wrong with a rule by itself; none is what is wanted.
func (r Rule) Check() []string {
	var findings []string
	say := func(format string, args ...any) {
		findings = append(findings, "rule "+r.ID+": "+fmt.Sprintf(format, args...))
	}
	if r.Name == "" || r.Definition == "" {
		say("has no name or no definition")
	}
	if r.Window < time.Minute || r.Window%time.Minute != 0 || r.Every < time.Minute || r.Every%time.Minute != 0 {
		say("looks at %s every %s: both must be whole minutes", r.Window, r.Every)
	}
	if r.Every > r.Window {
		say("looks every %s at %s: something may fall between", r.Every, r.Window)
	}
	positive := func(what string, n int64) {
		if n < 1 {
			say("%s is %d", what, n)
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
			say("the threshold is %d per cent", c.Percent)
		}
	case Rank:
		positive("the threshold", c.Above)
		positive("the least number of documents", c.AtLeast)
		if c.Rank < 1 || c.Rank > 99 {
			say("the rank is %d", c.Rank)
		}
	case Behind:
		positive("the threshold", c.Seconds)
	default:
		say("has no condition")
	}
	return findings
}
