package catalogue

import (
	"time"

	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// enough is how many payments a rate or a percentile must be of to raise an alert.
const enough = 50

// Rules returns the alert rules, by the thresholds that the dashboards show in red.
func Rules() []alert.Rule {
	return []alert.Rule{{
		ID: "approval-rate-low", Name: "Approval rate below 80 % for 10 minutes",
		Definition: "Approved payments divided by all payments of the last ten minutes is below 80 %, of at least 50 payments. Each try counts.",
		Source:     view.Transactions, TimeField: occurredAt, Window: 10 * time.Minute, Every: time.Minute,
		Condition: alert.Ratio{Query: purchases, Of: approved, Percent: int64(approvalLights.First * 100), AtLeast: enough},
	}, {
		ID: "no-payments", Name: "No payment for 5 minutes",
		Definition: "Not one payment, approved or not, of any bank happened in the last five minutes and is in the index. A shop that closes at night is such a time: " +
			"snooze the rule then.",
		Source: view.Transactions, TimeField: occurredAt, Window: 5 * time.Minute, Every: time.Minute,
		Condition: alert.Fewer{Query: purchases, Than: 1},
	}, {
		ID: "decisions-slow", Name: "Decisions slower than 300 ms",
		Definition: "The 95th percentile of the time of decisions of the last five minutes is above 300 ms, of at least 50 payments. Estimated, see Decision time.",
		Source:     view.Transactions, TimeField: occurredAt, Window: 5 * time.Minute, Every: time.Minute,
		Condition: alert.Rank{
			Query: kql.And{purchases, kql.Exists{Field: "decision_micros"}}, Field: "decision_micros", Rank: 95, Above: objectiveMicros, AtLeast: enough,
		},
	}, {
		ID: "index-slow", Name: "Events take more than 60 s into the index",
		Definition: "An event of the last thirty minutes took more than 60 s from when it happened until the index sink took it, for each bank by itself. Events older than " +
			"a day by then are imported history, and left out. What takes more than thirty minutes is found by the rule below.",
		Source: view.Transactions, TimeField: occurredAt, Window: 30 * time.Minute, Every: time.Minute,
		Condition: alert.Largest{Query: live, Field: "pipeline_millis", Above: int64(lagLights.Second), Per: "bank_code"},
	}, {
		ID: "index-behind", Name: "The index is more than 60 s behind",
		Definition: "A partition of a bank that said anything in the last day says that the index is complete up to more than 60 s ago. It also finds what no event can " +
			"tell: that none arrive.",
		Source: view.Watermarks, TimeField: "published_at", Window: 24 * time.Hour, Every: time.Minute,
		Condition: alert.Behind{Field: "complete_to", Per: []string{"bank_code", "partition"}, Seconds: int64(lagLights.Second / 1000)},
	}}
}
