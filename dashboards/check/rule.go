package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/dashboards"
)

// rule checks an alert rule: that it has what Kibana requires of its type, and that no
// time lies between two checks.
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
	report := func(format string, args ...any) {
		findings = append(findings, "rule/"+object.ID+": "+fmt.Sprintf(format, args...))
	}
	p := r.Params
	if r.Name == "" || r.Consumer != "stackAlerts" {
		report("has no name, or is not for stackAlerts")
	}
	every, err := strconv.ParseInt(strings.TrimSuffix(r.Schedule.Interval, "m"), 10, 64)
	if err != nil || p.TimeWindowUnit != "m" || every < 1 || every > p.TimeWindowSize {
		report("checks %d %s every %s: want minutes, and no time between two checks", p.TimeWindowSize, p.TimeWindowUnit, r.Schedule.Interval)
	}
	if len(p.Threshold) != 1 || !slices.Contains([]string{">", ">=", "<", "<="}, p.ThresholdComparator) {
		report("has no threshold")
	}
	if p.TimeField == "" {
		report("has no timeField")
	}
	switch r.RuleType {
	case ".index-threshold":
		if len(p.Index) == 0 {
			report("has no index")
		}
		if p.AggType != "count" && p.AggField == "" {
			report("has no field to take the %s of", p.AggType)
		}
		if p.GroupBy == "top" && p.TermField == "" {
			report("has no field to group by")
		}
	case ".es-query":
		if p.SearchType != "esqlQuery" || p.EsqlQuery.Esql == "" {
			report("has no query")
		}
		if p.ThresholdComparator != ">" || !slices.Equal(p.Threshold, []int64{0}) {
			report("has another threshold than > 0: any row of a query in ES|QL raises the rule")
		}
	default:
		report("has the unknown type %q", r.RuleType)
	}
	return findings
}
