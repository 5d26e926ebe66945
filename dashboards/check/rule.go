package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/dashboards"
)

// rule checks an alert rule: what Kibana asks of one of its type, and that nothing
// falls between two looks.
func rule(object dashboards.Object) []string {
	var r struct {
		Name     string
		RuleType string `json:"rule_type_id"`
		Consumer string
		Schedule struct{ Interval string }
		Params   struct {
			Index                                             []string
			TimeField, TimeWindowUnit, SearchType, AggType    string
			AggField, GroupBy, TermField, ThresholdComparator string
			Threshold                                         []int64
			TimeWindowSize                                    int64
			EsqlQuery                                         struct{ Esql string }
		}
	}
	if err := json.Unmarshal(object.Body, &r); err != nil {
		return []string{"rule/" + object.ID + ": " + err.Error()}
	}
	var findings []string
	say := func(format string, args ...any) {
		findings = append(findings, "rule/"+object.ID+": "+fmt.Sprintf(format, args...))
	}
	p := r.Params
	if r.Name == "" || r.Consumer != "stackAlerts" {
		say("has no name, or is not for stackAlerts")
	}
	every, err := strconv.ParseInt(strings.TrimSuffix(r.Schedule.Interval, "m"), 10, 64)
	if err != nil || p.TimeWindowUnit != "m" || every < 1 || every > p.TimeWindowSize {
		say("looks every %s at %d %s", r.Schedule.Interval, p.TimeWindowSize, p.TimeWindowUnit)
	}
	if len(p.Threshold) != 1 || !slices.Contains([]string{">", ">=", "<", "<="}, p.ThresholdComparator) {
		say("has no threshold")
	}
	if p.TimeField == "" {
		say("has no timeField")
	}
	switch r.RuleType {
	case ".index-threshold":
		if len(p.Index) == 0 {
			say("has no index")
		}
		if p.AggType != "count" && p.AggField == "" {
			say("takes the %s of no field", p.AggType)
		}
		if p.GroupBy == "top" && p.TermField == "" {
			say("groups by no field")
		}
	case ".es-query":
		if p.SearchType != "esqlQuery" || p.EsqlQuery.Esql == "" {
			say("has no query")
		}
		if p.ThresholdComparator != ">" || !slices.Equal(p.Threshold, []int64{0}) {
			say("a query in ES|QL is raised by any row: its threshold is > 0")
		}
	default:
		say("is of type %q, which is not known here", r.RuleType)
	}
	return findings
}
