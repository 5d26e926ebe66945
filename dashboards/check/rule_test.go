package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/check"
	"codebank.dev/dashboards/view"
)

func TestOurRulesAreSound(t *testing.T) {
	for _, rule := range catalogue.Rules() {
		require.Empty(t, rule.Check())
	}
	require.Empty(t, check.RuleFields(catalogue.Rules(), index(t, contracts(t))))
}

func TestAMissingFieldIsReportedWithItsRule(t *testing.T) {
	have := index(t, contracts(t))
	delete(have[view.Transactions], "pipeline_millis")
	delete(have[view.Watermarks], "complete_to")
	have[view.Transactions]["decision_micros"] = check.Field{Type: "keyword", Indexed: true, Values: true}
	require.Equal(t, []string{
		"rule decisions-slow: field decision_micros of transactions has type keyword, which does not fit calculating",
		"rule index-slow: transactions has no field pipeline_millis, which is needed for comparing",
		"rule index-slow: transactions has no field pipeline_millis, which is needed for calculating",
		"rule index-behind: watermarks has no field complete_to, which is needed for placing in time",
	}, check.RuleFields(catalogue.Rules(), have))
}

func TestEachFaultOfARuleIsFound(t *testing.T) {
	for _, tt := range []struct {
		fault, rule string
		damage      func(*testing.T, tree)
		want        string
	}{
		{"another consumer", "no-payments", func(t *testing.T, r tree) { r["consumer"] = "x" }, "has no name, or is not for stackAlerts"},
		{"checks too far apart", "no-payments", func(t *testing.T, r tree) { at(t, r, "schedule")["interval"] = "6m" }, "checks 5 m every 6m"},
		{"in seconds", "no-payments", func(t *testing.T, r tree) { at(t, r, "params")["timeWindowUnit"] = "s" }, "checks 5 s every 1m"},
		{"no threshold", "no-payments", func(t *testing.T, r tree) { at(t, r, "params")["threshold"] = []any{} }, "has no threshold"},
		{"no time", "no-payments", func(t *testing.T, r tree) { delete(at(t, r, "params"), "timeField") }, "has no timeField"},
		{"no index", "no-payments", func(t *testing.T, r tree) { delete(at(t, r, "params"), "index") }, "has no index"},
		{"a maximum without a field", "index-slow", func(t *testing.T, r tree) { delete(at(t, r, "params"), "aggField") }, "has no field to take the max of"},
		{"groups without a field", "index-slow", func(t *testing.T, r tree) { delete(at(t, r, "params"), "termField") }, "has no field to group by"},
		{"no query", "approval-rate-low", func(t *testing.T, r tree) { delete(at(t, r, "params"), "esqlQuery") }, "has no query"},
		{"a threshold for rows", "approval-rate-low", func(t *testing.T, r tree) { at(t, r, "params")["threshold"] = []any{5} }, "has another threshold than > 0: any row of a query in ES|QL raises the rule"},
		{"an unknown type", "no-payments", func(t *testing.T, r tree) { r["rule_type_id"] = ".other" }, `has the unknown type ".other"`},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			name := dashboards.Rule + "/" + tt.rule
			require.Contains(t, findingsAfter(t, name, tt.damage), name+": "+tt.want)
		})
	}
}
