package catalogue

import (
	"time"

	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// minimumPayments is how many payments a rate or a percentile must cover to raise an
// alert.
const minimumPayments = 50

// Rules returns the alert rules. Their thresholds are those that the dashboards show in
// red.
func Rules() []alert.Rule {
	return []alert.Rule{{
		ID: "approval-rate-low", Name: "Approval rate below 80 % for 10 minutes",
		Definition: "Less than 80 % of the payments of the last ten minutes were approved, among at least 50 payments. Each try counts.",
		Source:     view.Transactions, TimeField: occurredAt, Window: 10 * time.Minute, Every: time.Minute,
		Condition: alert.Ratio{Query: payments, Of: approved, Percent: int64(approvalThresholds.First * 100), AtLeast: minimumPayments},
	}, {
		ID: "no-payments", Name: "No payment for 5 minutes",
		Definition: "No payment of any bank, approved or not, happened in the last five minutes and is in the index. If the shops close at night, snooze the rule " +
			"for that time.",
		Source: view.Transactions, TimeField: occurredAt, Window: 5 * time.Minute, Every: time.Minute,
		Condition: alert.Fewer{Query: payments, Than: 1},
	}, {
		ID: "decisions-slow", Name: "Decisions slower than 300 ms",
		Definition: "The 95th percentile of the decision time in the last five minutes is above 300 ms, among at least 50 payments. It is an estimate, see Decision time.",
		Source:     view.Transactions, TimeField: occurredAt, Window: 5 * time.Minute, Every: time.Minute,
		Condition: alert.Rank{
			Query: kql.And{payments, kql.Exists{Field: "decision_micros"}}, Field: "decision_micros", Rank: 95, Above: objectiveMicros, AtLeast: minimumPayments,
		},
	}, {
		ID: "index-slow", Name: "Events take more than 60 s into the index",
		Definition: "An event of the last thirty minutes took more than 60 s until the index sink took it. Each bank is checked by itself. Events that were older " +
			"than thirty minutes by then were loaded later, such as a history, and are left out. The rule below finds what is held up for longer.",
		Source: view.Transactions, TimeField: occurredAt, Window: 30 * time.Minute, Every: time.Minute,
		Condition: alert.Largest{Query: live, Field: "pipeline_millis", Above: int64(lagThresholds.Second), Per: "bank_code"},
	}, {
		ID: "index-behind", Name: "The index is more than 60 s behind",
		Definition: "The index is complete only up to more than 60 s ago, for a partition of a bank that reported anything in the last day. The rule also finds what " +
			"no event can show: that no events arrive.",
		Source: view.Watermarks, TimeField: "published_at", Window: 24 * time.Hour, Every: time.Minute,
		Condition: alert.Behind{Field: "complete_to", Per: []string{"bank_code", "partition"}, Seconds: int64(lagThresholds.Second / 1000)},
	}}
}
