package e2e

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/expected"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/native/await"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
)

// ruleCheck evaluates an alert rule at a moment.
type ruleCheck struct {
	stack *launch.Stack
	rule  alert.Rule
	now   time.Time
	// banks limits the check to these banks, because other tests leave documents of other
	// banks.
	banks []string
}

// raised evaluates the condition of the rule with the queries of a dashboard panel. If the
// server has ES|QL, the query that Kibana sends must have the same result.
func (r ruleCheck) raised(t *testing.T) bool {
	t.Helper()
	count := view.Aggregate{Function: view.Count}
	var holds bool
	switch c := r.rule.Condition.(type) {
	case alert.Fewer:
		return *r.query(t, c.Query, nil, count)[0].Values[0] < float64(c.Than)
	case alert.Largest:
		rows := r.query(t, c.Query, []string{c.Per}, view.Aggregate{Function: view.Max, Field: c.Field})
		return slices.ContainsFunc(rows, func(row query.Row) bool { return row.Values[0] != nil && *row.Values[0] > float64(c.Above) })
	case alert.Ratio:
		row := r.query(t, c.Query, nil, count, view.Aggregate{Function: view.Count, Filter: c.Of})[0]
		holds = *row.Values[0] >= float64(c.AtLeast) && *row.Values[1]*100 < *row.Values[0]*float64(c.Percent)
	case alert.Rank:
		row := r.query(t, c.Query, nil, count, view.Aggregate{Function: view.Percentile, Field: c.Field, Rank: c.Rank})[0]
		holds = *row.Values[0] >= float64(c.AtLeast) && *row.Values[1] > float64(c.Above)
	case alert.Behind:
		rows := r.query(t, nil, c.Per, view.Aggregate{Function: view.Max, Field: c.Field})
		holds = slices.ContainsFunc(rows, func(row query.Row) bool {
			return r.now.Sub(time.UnixMilli(int64(*row.Values[0]))) > time.Duration(c.Seconds)*time.Second
		})
	default:
		require.Fail(t, "a condition of another kind", "%s: %T", r.rule.ID, c)
	}
	if hasESQL(t, r.stack) {
		require.Equal(t, holds, len(r.esqlRows(t)) > 0, r.rule.ID)
	}
	return holds
}

// bankFilter matches the documents of some banks.
func bankFilter(banks ...string) kql.Query { return kql.OneOf{Field: "bank_code", Values: banks} }

// query returns figures of the rule's window.
func (r ruleCheck) query(t *testing.T, of kql.Query, per []string, figures ...view.Expression) []query.Row {
	t.Helper()
	panel := view.Panel{ID: r.rule.ID, Source: r.rule.Source, Chart: view.Table, Query: kql.And{bankFilter(r.banks...), of}}
	for i, figure := range figures {
		panel.Layer.Metrics = append(panel.Layer.Metrics, view.Value{ID: strconv.Itoa(i), Figure: figure})
	}
	if per != nil {
		panel.Layer.Buckets = []view.Bucket{view.Terms{Label: "per", Fields: per, Size: 100}}
	}
	result, err := dashboardClient(r.stack).Run(t.Context(), panel, query.Range{From: r.now.Add(-r.rule.Window + time.Millisecond), To: r.now})
	require.NoError(t, err, r.rule.ID)
	return result.Table.Rows
}

// hasESQL reports whether the server has ES|QL. The test distribution that the stack uses has
// none. There the tests check only the conditions, not the text of the query.
func hasESQL(t *testing.T, stack *launch.Stack) bool {
	t.Helper()
	response, err := http.Post(stack.Addresses().Elasticsearch()+"/_query", "application/json", strings.NewReader(`{"query":"ROW one = 1"}`))
	require.NoError(t, err)
	defer response.Body.Close()
	if response.StatusCode == http.StatusMethodNotAllowed {
		t.Log("this Elasticsearch has no ES|QL: the text of the rules is not run")
		return false
	}
	require.Equal(t, http.StatusOK, response.StatusCode)
	return true
}

// esqlRows runs the ES|QL query of the rule with the time range that Kibana adds.
func (r ruleCheck) esqlRows(t *testing.T) [][]any {
	t.Helper()
	params := r.rule.Body()["params"].(map[string]any)
	window := params["timeWindowSize"].(int64)
	require.Equal(t, "m", params["timeWindowUnit"])
	answer := call(t, http.MethodPost, r.stack.Addresses().Elasticsearch()+"/_query", map[string]any{
		"query": params["esqlQuery"].(map[string]any)["esql"],
		"filter": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"terms": map[string]any{"bank_code": r.banks}},
			map[string]any{"range": map[string]any{params["timeField"].(string): map[string]any{
				"gt": r.now.Add(-time.Duration(window) * time.Minute).UnixMilli(), "lte": r.now.UnixMilli(), "format": "epoch_millis",
			}}},
		}}},
	})
	rows := [][]any{}
	for _, row := range answer["values"].([]any) {
		rows = append(rows, row.([]any))
	}
	return rows
}

// expectedConditions compute the condition of each rule from the events of its window.
var expectedConditions = map[string]func([]expected.Document) bool{
	"approval-rate-low": func(events []expected.Document) bool {
		payments, approved := 0, 0
		for _, d := range events {
			if d.Kind == event.KindPurchase {
				payments++
				if d.Status == event.StatusApproved {
					approved++
				}
			}
		}
		return payments >= 50 && approved*10 < payments*8
	},
	"no-payments": func(events []expected.Document) bool {
		return !slices.ContainsFunc(events, func(d expected.Document) bool { return d.Kind == event.KindPurchase })
	},
	"decisions-slow": func(events []expected.Document) bool {
		var micros []int64
		for _, d := range events {
			if d.Kind == event.KindPurchase && d.DecisionMicros.Present {
				micros = append(micros, d.DecisionMicros.Value)
			}
		}
		slices.Sort(micros)
		return len(micros) >= 50 && micros[len(micros)*95/100] > 300_000
	},
	// All events of the history are older than a day.
	"index-slow": func([]expected.Document) bool { return false },
}

// Every rule is raised when its condition holds in the year, and only then.
func TestAlertsAreRaisedWhenTheirConditionHolds(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	outage := p.plan.Outage.From.Add(p.plan.Outage.To.Sub(p.plan.Outage.From) / 2)
	busy := endOfBusiestMinutes(p.documents, p.plan.Burst.From.Add(-10*24*time.Hour), p.plan.Burst.From)
	moments := map[string]time.Time{
		"at the end of the burst": p.plan.Burst.To, "in the outage": outage, "at a busy moment": busy,
		"an hour before the burst": p.plan.Burst.From.Add(-time.Hour),
	}
	raised := map[string]map[string]bool{}
	for _, rule := range catalogue.Rules() {
		if rule.Source != view.Transactions {
			continue // its condition depends on the present time
		}
		holds := expectedConditions[rule.ID]
		require.NotNil(t, holds, "expectedConditions has no %s", rule.ID)
		raised[rule.ID] = map[string]bool{}
		for name, now := range moments {
			var window []expected.Document
			for _, d := range p.documents {
				if at := d.OccurredAt(); at.After(now.Add(-rule.Window)) && !at.After(now) {
					window = append(window, d)
				}
			}
			raised[rule.ID][name] = ruleCheck{stack, rule, now, []string{historyBank}}.raised(t)
			require.Equal(t, holds(window), raised[rule.ID][name], "%s, %s", rule.ID, name)
		}
	}
	require.True(t, raised["no-payments"]["in the outage"])
	require.False(t, raised["no-payments"]["at the end of the burst"])
	require.False(t, raised["no-payments"]["at a busy moment"])
	require.True(t, raised["approval-rate-low"]["at the end of the burst"])
	require.False(t, raised["approval-rate-low"]["in the outage"])
	require.False(t, raised["approval-rate-low"]["an hour before the burst"])
}

// endOfBusiestMinutes returns the end of the five minutes with the most payments.
func endOfBusiestMinutes(documents []expected.Document, from, to time.Time) time.Time {
	counts := map[int64]int{}
	for _, d := range documents {
		if at := d.OccurredAt(); d.Kind == event.KindPurchase && at.After(from) && at.Before(to) {
			counts[at.Unix()/300]++
		}
	}
	most := slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b int64) int { return counts[a] - counts[b] })
	return time.Unix((most+1)*300-1, 0)
}

// The history causes no slowness, so these rules get a lower bound. The query stays the same.
func TestAlertsOfSlownessAreRaisedByALowerBound(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(60)
	load.resolveUnknown()
	load.verify(stack)
	call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
	rules := map[string]alert.Rule{}
	for _, rule := range catalogue.Rules() {
		rules[rule.ID] = rule
	}
	for _, tt := range []struct {
		id  string
		now time.Time
		low func(alert.Condition) alert.Condition
	}{
		{"decisions-slow", p.plan.Burst.To, func(c alert.Condition) alert.Condition {
			low := c.(alert.Rank)
			low.Above = 0
			return low
		}},
		{"index-slow", time.Now(), func(c alert.Condition) alert.Condition {
			low := c.(alert.Largest)
			low.Above = 0
			return low
		}},
	} {
		rule := rules[tt.id]
		rule.Condition = tt.low(rule.Condition)
		require.True(t, ruleCheck{stack, rule, tt.now, []string{launch.BankCode, historyBank}}.raised(t), tt.id)
	}
}

// newestWatermarks returns the smallest of the newest watermarks that some banks published in
// the last week. It also returns one of the documents.
func newestWatermarks(t *testing.T, stack *launch.Stack, banks ...string) (least float64, one map[string]any) {
	t.Helper()
	elasticsearch := stack.Addresses().Elasticsearch()
	call(t, http.MethodPost, elasticsearch+"/bank-watermarks-*/_refresh", nil)
	answer := call(t, http.MethodPost, elasticsearch+"/bank-watermarks-*/_search", map[string]any{
		"size": 10_000, "sort": []any{map[string]any{"complete_to": "desc"}},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"terms": map[string]any{"bank_code": banks}},
			map[string]any{"range": map[string]any{"published_at": map[string]any{"gte": "now-7d"}}},
		}}},
	})
	newest := map[string]float64{}
	for _, hit := range answer["hits"].(map[string]any)["hits"].([]any) {
		one = hit.(map[string]any)["_source"].(map[string]any)
		partition := one["bank_code"].(string) + " " + strconv.FormatFloat(one["partition"].(float64), 'f', -1, 64)
		completeTo, err := time.Parse(time.RFC3339, one["complete_to"].(string))
		require.NoError(t, err)
		newest[partition] = max(newest[partition], float64(completeTo.UnixMilli()))
	}
	require.NotEmpty(t, newest)
	return slices.Min(slices.Collect(maps.Values(newest))), one
}

// shownCompleteUpTo returns the value of the panel "complete up to" for some banks.
func shownCompleteUpTo(t *testing.T, stack *launch.Stack, banks ...string) query.Row {
	t.Helper()
	for _, panel := range catalogue.Dashboards()[0].Panels {
		if panel.ID == "complete-up-to" {
			panel.Query = kql.And{bankFilter(banks...), panel.Query}
			now := time.Now()
			result, err := dashboardClient(stack).Run(t.Context(), panel, query.Range{From: now.Add(-time.Hour), To: now})
			require.NoError(t, err)
			require.Len(t, result.Table.Rows, 1)
			require.NotNil(t, result.Table.Rows[0].Values[0])
			return result.Table.Rows[0]
		}
	}
	require.Fail(t, "no panel complete-up-to")
	return query.Row{}
}

// "Complete up to" is the smallest of the newest watermarks. A partition that stays behind
// raises the alert. The test uses only banks that run all the time, because a bank that another
// test has stopped is behind.
func TestAPartitionThatIsBehindIsShownAndRaisesTheAlert(t *testing.T) {
	const silentBank = "099"
	historyEvents(t)
	stack := running(t)
	at := slices.IndexFunc(catalogue.Rules(), func(r alert.Rule) bool { return r.ID == "index-behind" })
	banks := []string{launch.BankCode, historyBank, silentBank}
	behind := func() bool { return ruleCheck{stack, catalogue.Rules()[at], time.Now(), banks}.raised(t) }
	awaitCompleteTo(t, stack, time.Now().Add(-5*time.Second))
	await.Until(t, func() bool { return !behind() }, timeout, 500*time.Millisecond)

	before, document := newestWatermarks(t, stack, banks...)
	shown := *shownCompleteUpTo(t, stack, banks...).Values[0]
	after, _ := newestWatermarks(t, stack, banks...)
	require.LessOrEqual(t, before, shown)
	require.LessOrEqual(t, shown, after)

	// This bank published its last watermark two minutes ago.
	now := time.Now()
	stood := now.Add(-2 * time.Minute).Truncate(time.Millisecond).UTC()
	text := stood.Format("2006-01-02T15:04:05.000Z")
	document["bank_code"], document["complete_to"], document["published_at"] = silentBank, text, text
	url := stack.Addresses().Elasticsearch() + "/bank-watermarks-" + now.UTC().Format("2006.01") + "/_doc/stood?refresh=true"
	call(t, http.MethodPut, url, document)
	defer call(t, http.MethodDelete, url, nil)
	row := shownCompleteUpTo(t, stack, banks...)
	require.InDelta(t, stood.UnixMilli(), *row.Values[0], 0)
	require.Contains(t, row.Keys[0].Text, silentBank)
	require.True(t, behind())
}
