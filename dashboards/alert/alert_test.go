package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

var (
	purchases = kql.Is{Field: "kind", Value: "PURCHASE"}
	approved  = kql.Is{Field: "status", Value: "APPROVED"}
)

func rule(condition alert.Condition) alert.Rule {
	return alert.Rule{
		ID: "x", Name: "X", Definition: "X.", Source: view.Transactions, TimeField: "occurred_at",
		Window: 5 * time.Minute, Every: time.Minute, Condition: condition,
	}
}

func TestFormula(t *testing.T) {
	everything := kql.And{
		purchases, kql.Or{approved, kql.OneOf{Field: "status", Values: []string{"A", "B"}}}, kql.Not{Query: kql.Exists{Field: "card_id"}}, nil,
		kql.Compare{Field: "attempt", Operator: kql.Greater, Value: "1"},
	}
	for _, tt := range []struct {
		rule      string
		condition alert.Condition
		want      string
	}{
		{"fewer than", alert.Fewer{Query: purchases, Than: 1}, "count(kql='kind: PURCHASE') < 1"},
		{"the largest", alert.Largest{Query: purchases, Field: "pipeline_millis", Above: 9, Per: "bank_code"},
			"max(pipeline_millis, kql='kind: PURCHASE') > 9, for each bank_code"},
		{"a ratio", alert.Ratio{Query: purchases, Of: approved, Percent: 80, AtLeast: 50}, `FROM transactions | WHERE kind == "PURCHASE" | ` +
			`STATS documents = COUNT(*), found = COUNT(CASE(status == "APPROVED", 1, NULL)) | WHERE documents >= 50 AND found * 100 < documents * 80`},
		{"a percentile with every kind of query", alert.Rank{Query: everything, Field: "decision_micros", Rank: 95, Above: 7, AtLeast: 3},
			`FROM transactions | WHERE (kind == "PURCHASE" AND (status == "APPROVED" OR status IN ("A", "B")) AND NOT card_id IS NOT NULL AND attempt > 1) | ` +
				`STATS documents = COUNT(*), figure = PERCENTILE(decision_micros, 95) | WHERE documents >= 3 AND figure > 7`},
		{"everything", alert.Rank{Field: "decision_micros", Rank: 50, Above: 7, AtLeast: 3},
			`FROM transactions | WHERE TRUE | STATS documents = COUNT(*), figure = PERCENTILE(decision_micros, 50) | WHERE documents >= 3 AND figure > 7`},
		{"behind", alert.Behind{Field: "complete_to", Per: []string{"bank_code", "partition"}, Seconds: 60},
			`FROM transactions | STATS newest = MAX(complete_to) BY bank_code, partition | WHERE DATE_DIFF("seconds", newest, NOW()) > 60`},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			r := rule(tt.condition)
			require.Equal(t, tt.want, r.Formula())
			require.Empty(t, r.Check())
			require.NotEmpty(t, r.Body()["rule_type_id"])
		})
	}
}

func TestCheckNamesTheRuleAndItsFault(t *testing.T) {
	good := alert.Ratio{Query: purchases, Of: approved, Percent: 80, AtLeast: 50}
	for _, tt := range []struct {
		fault string
		spoil func(*alert.Rule)
		want  string
	}{
		{"no definition", func(r *alert.Rule) { r.Definition = "" }, "rule x: has no name or no definition"},
		{"half a minute", func(r *alert.Rule) { r.Every = 30 * time.Second }, "rule x: checks 5m0s every 30s: both must be whole minutes"},
		{"gaps between checks", func(r *alert.Rule) { r.Every = 6 * time.Minute }, "rule x: checks 5m0s every 6m0s: the time between two checks is not covered"},
		{"more than all documents", func(r *alert.Rule) { r.Condition = alert.Ratio{Percent: 101, AtLeast: 1} }, "rule x: the threshold is 101 per cent"},
		{"a rate without documents", func(r *alert.Rule) { r.Condition = alert.Ratio{Percent: 80} }, "rule x: the least number of documents is 0"},
		{"fewer than none", func(r *alert.Rule) { r.Condition = alert.Fewer{} }, "rule x: the threshold is 0"},
		{"a maximum without a threshold", func(r *alert.Rule) { r.Condition = alert.Largest{} }, "rule x: the threshold is 0"},
		{"a rank above 99", func(r *alert.Rule) { r.Condition = alert.Rank{Rank: 100, Above: 1, AtLeast: 1} }, "rule x: the rank is 100"},
		{"always behind", func(r *alert.Rule) { r.Condition = alert.Behind{} }, "rule x: the threshold is 0"},
		{"no condition", func(r *alert.Rule) { r.Condition = nil }, "rule x: has no condition"},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			r := rule(good)
			tt.spoil(&r)
			require.Equal(t, []string{tt.want}, r.Check())
		})
	}
}
