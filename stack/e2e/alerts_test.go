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
	"codebank.dev/dashboards/figures"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
)

// watch is a rule that is looked at in a moment.
type watch struct {
	stack *launch.Stack
	rule  alert.Rule
	now   time.Time
	// banks are those of the test: what others left behind them is their own affair.
	banks []string
}

// raised says whether the rule is raised. Its condition is asked for as a panel is; a
// server that knows ES|QL has to say the same to the query that Kibana sends.
func (w watch) raised(t *testing.T) bool {
	t.Helper()
	count := view.Aggregate{Function: view.Count}
	var holds bool
	switch c := w.rule.Condition.(type) {
	case alert.Fewer:
		return *w.asked(t, c.Query, nil, count)[0].Values[0] < float64(c.Than)
	case alert.Largest:
		rows := w.asked(t, c.Query, []string{c.Per}, view.Aggregate{Function: view.Max, Field: c.Field})
		return slices.ContainsFunc(rows, func(row query.Row) bool { return row.Values[0] != nil && *row.Values[0] > float64(c.Above) })
	case alert.Ratio:
		row := w.asked(t, c.Query, nil, count, view.Aggregate{Function: view.Count, Filter: c.Of})[0]
		holds = *row.Values[0] >= float64(c.AtLeast) && *row.Values[1]*100 < *row.Values[0]*float64(c.Percent)
	case alert.Rank:
		row := w.asked(t, c.Query, nil, count, view.Aggregate{Function: view.Percentile, Field: c.Field, Rank: c.Rank})[0]
		holds = *row.Values[0] >= float64(c.AtLeast) && *row.Values[1] > float64(c.Above)
	case alert.Behind:
		rows := w.asked(t, nil, c.Per, view.Aggregate{Function: view.Max, Field: c.Field})
		holds = slices.ContainsFunc(rows, func(row query.Row) bool {
			return w.now.Sub(time.UnixMilli(int64(*row.Values[0]))) > time.Duration(c.Seconds)*time.Second
		})
	default:
		require.Fail(t, "a condition of another kind", "%s: %T", w.rule.ID, c)
	}
	if knowsESQL(t, w.stack) {
		require.Equal(t, holds, len(w.rows(t)) > 0, w.rule.ID)
	}
	return holds
}

// ofBanks finds the documents of some banks.
func ofBanks(banks ...string) kql.Query { return kql.OneOf{Field: "bank_code", Values: banks} }

// asked asks for figures of the rule's window.
func (w watch) asked(t *testing.T, of kql.Query, per []string, figures ...view.Expression) []query.Row {
	t.Helper()
	panel := view.Panel{ID: w.rule.ID, Source: w.rule.Source, Chart: view.Table, Query: kql.And{ofBanks(w.banks...), of}}
	for i, figure := range figures {
		panel.Layer.Metrics = append(panel.Layer.Metrics, view.Value{ID: strconv.Itoa(i), Figure: figure})
	}
	if per != nil {
		panel.Layer.Buckets = []view.Bucket{view.Terms{Label: "per", Fields: per, Size: 100}}
	}
	result, err := asker(w.stack).Run(t.Context(), panel, query.Range{From: w.now.Add(-w.rule.Window + time.Millisecond), To: w.now})
	require.NoError(t, err, w.rule.ID)
	return result.Table.Rows
}

// knowsESQL says whether the server has ES|QL. The distribution of the stack, that for
// tests, has none: there only the conditions are held against the events, not the text.
func knowsESQL(t *testing.T, stack *launch.Stack) bool {
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

// rows asks the ES|QL of the rule as Kibana does, which adds the stretch of time.
func (w watch) rows(t *testing.T) [][]any {
	t.Helper()
	params := w.rule.Body()["params"].(map[string]any)
	window := params["timeWindowSize"].(int64)
	require.Equal(t, "m", params["timeWindowUnit"])
	answer := call(t, http.MethodPost, w.stack.Addresses().Elasticsearch()+"/_query", map[string]any{
		"query": params["esqlQuery"].(map[string]any)["esql"],
		"filter": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"terms": map[string]any{"bank_code": w.banks}},
			map[string]any{"range": map[string]any{params["timeField"].(string): map[string]any{
				"gt": w.now.Add(-time.Duration(window) * time.Minute).UnixMilli(), "lte": w.now.UnixMilli(), "format": "epoch_millis",
			}}},
		}}},
	})
	rows := [][]any{}
	for _, row := range answer["values"].([]any) {
		rows = append(rows, row.([]any))
	}
	return rows
}

// conditions are those of the rules, by hand, of the events of their window.
var conditions = map[string]func([]figures.Document) bool{
	"approval-rate-low": func(events []figures.Document) bool {
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
	"no-payments": func(events []figures.Document) bool {
		return !slices.ContainsFunc(events, func(d figures.Document) bool { return d.Kind == event.KindPurchase })
	},
	"decisions-slow": func(events []figures.Document) bool {
		var micros []int64
		for _, d := range events {
			if d.Kind == event.KindPurchase && d.DecisionMicros.Present {
				micros = append(micros, d.DecisionMicros.Value)
			}
		}
		slices.Sort(micros)
		return len(micros) >= 50 && micros[len(micros)*95/100] > 300_000
	},
	// All of a history is older than a day.
	"index-slow": func([]figures.Document) bool { return false },
}

// Every rule is raised when its condition holds in the year, and not otherwise.
func TestAlertsAreRaisedWhenTheirConditionHolds(t *testing.T) {
	p := pastOf(t)
	stack := running(t)
	outage := p.plan.Outage.From.Add(p.plan.Outage.To.Sub(p.plan.Outage.From) / 2)
	busy := busiest(p.documents, p.plan.Burst.From.Add(-10*24*time.Hour), p.plan.Burst.From)
	moments := map[string]time.Time{
		"at the end of the burst": p.plan.Burst.To, "in the outage": outage, "at a busy moment": busy,
		"an hour before the burst": p.plan.Burst.From.Add(-time.Hour),
	}
	was := map[string]map[string]bool{}
	for _, rule := range catalogue.Rules() {
		if rule.Source != view.Transactions {
			continue // It asks what time it is.
		}
		holds := conditions[rule.ID]
		require.NotNil(t, holds, "nobody has reckoned %s by hand", rule.ID)
		was[rule.ID] = map[string]bool{}
		for name, now := range moments {
			var window []figures.Document
			for _, d := range p.documents {
				if at := d.OccurredAt(); at.After(now.Add(-rule.Window)) && !at.After(now) {
					window = append(window, d)
				}
			}
			was[rule.ID][name] = watch{stack, rule, now, []string{historyBank}}.raised(t)
			require.Equal(t, holds(window), was[rule.ID][name], "%s, %s", rule.ID, name)
		}
	}
	require.True(t, was["no-payments"]["in the outage"])
	require.False(t, was["no-payments"]["at the end of the burst"])
	require.False(t, was["no-payments"]["at a busy moment"])
	require.True(t, was["approval-rate-low"]["at the end of the burst"])
	require.False(t, was["approval-rate-low"]["in the outage"])
	require.False(t, was["approval-rate-low"]["an hour before the burst"])
}

// busiest is the end of the five minutes with the most payments.
func busiest(documents []figures.Document, from, to time.Time) time.Time {
	counts := map[int64]int{}
	for _, d := range documents {
		if at := d.OccurredAt(); d.Kind == event.KindPurchase && at.After(from) && at.Before(to) {
			counts[at.Unix()/300]++
		}
	}
	most := slices.MaxFunc(slices.Sorted(maps.Keys(counts)), func(a, b int64) int { return counts[a] - counts[b] })
	return time.Unix((most+1)*300-1, 0)
}

// What the history does not bring about, a lower bound does: the query is the same.
func TestAlertsOfSlownessAreRaisedByALowerBound(t *testing.T) {
	p := pastOf(t)
	stack := running(t)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(60)
	load.settle()
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
		require.True(t, watch{stack, rule, tt.now, []string{launch.BankCode, historyBank}}.raised(t), tt.id)
	}
}

// watermarkDocuments are those of some banks that were published in the last week, with
// one of them as it is.
func watermarkDocuments(t *testing.T, stack *launch.Stack, banks ...string) (least float64, one map[string]any) {
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

// completeUpTo is what the dashboards show of the watermarks of some banks.
func completeUpTo(t *testing.T, stack *launch.Stack, banks ...string) query.Row {
	t.Helper()
	for _, panel := range catalogue.Dashboards()[0].Panels {
		if panel.ID == "complete-up-to" {
			panel.Query = kql.And{ofBanks(banks...), panel.Query}
			now := time.Now()
			result, err := asker(stack).Run(t.Context(), panel, query.Range{From: now.Add(-time.Hour), To: now})
			require.NoError(t, err)
			require.Len(t, result.Table.Rows, 1)
			require.NotNil(t, result.Table.Rows[0].Values[0])
			return result.Table.Rows[0]
		}
	}
	require.Fail(t, "no panel shows up to when the index is complete")
	return query.Row{}
}

// "Complete up to" is the least of the newest watermarks, and a partition that stays
// behind raises the alert. Asked for are the banks that run all the time: one that another
// test has stopped is behind, and rightly so.
func TestWhatIsBehindIsShownAndRaisesTheAlert(t *testing.T) {
	const silentBank = "099"
	historyOf(t)
	stack := running(t)
	at := slices.IndexFunc(catalogue.Rules(), func(r alert.Rule) bool { return r.ID == "index-behind" })
	banks := []string{launch.BankCode, historyBank, silentBank}
	behind := func() bool { return watch{stack, catalogue.Rules()[at], time.Now(), banks}.raised(t) }
	awaitCompleteTo(t, stack, time.Now().Add(-5*time.Second))
	require.Eventually(t, func() bool { return !behind() }, patience, 500*time.Millisecond)

	before, document := watermarkDocuments(t, stack, banks...)
	shown := *completeUpTo(t, stack, banks...).Values[0]
	after, _ := watermarkDocuments(t, stack, banks...)
	require.LessOrEqual(t, before, shown)
	require.LessOrEqual(t, shown, after)

	// A bank that stopped saying anything two minutes ago.
	now := time.Now()
	stood := now.Add(-2 * time.Minute).Truncate(time.Millisecond).UTC()
	text := stood.Format("2006-01-02T15:04:05.000Z")
	document["bank_code"], document["complete_to"], document["published_at"] = silentBank, text, text
	url := stack.Addresses().Elasticsearch() + "/bank-watermarks-" + now.UTC().Format("2006.01") + "/_doc/stood?refresh=true"
	call(t, http.MethodPut, url, document)
	defer call(t, http.MethodDelete, url, nil)
	row := completeUpTo(t, stack, banks...)
	require.InDelta(t, stood.UnixMilli(), *row.Values[0], 0)
	require.Contains(t, row.Keys[0].Text, silentBank)
	require.True(t, behind())
}
