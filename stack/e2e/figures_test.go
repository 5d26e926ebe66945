package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/figures"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
)

// quiet are the panels that show nothing but zeros, or nothing at all, of the history.
var quiet = map[string]string{
	"pipeline/duplicates":    "no event is in the index twice; only the estimate of very many is not 0",
	"pipeline/lag":           "a history is older than a day when it comes: see the live events",
	"pipeline/lag-over-time": "a history is older than a day when it comes: see the live events",
}

// wrongs bounds how many wrong figures of a panel are told.
const wrongs = 5

// judge holds panels against figures that were reckoned from the events of one bank.
type judge struct {
	t         *testing.T
	bank      string
	documents []figures.Document
	// compared counts the figures that had a value, and shown those that are not 0 too,
	// by dashboard and panel.
	compared, shown map[string]int
}

func newJudge(t *testing.T, bank string, documents []figures.Document) *judge {
	return &judge{t: t, bank: bank, documents: documents, compared: map[string]int{}, shown: map[string]int{}}
}

// filtered are the panels of a dashboard as a reader sees them who chose one bank.
func filtered(board view.Dashboard, bank string) []view.Panel {
	panels := slices.Clone(board.Panels)
	for i := range panels {
		if panels[i].Unfiltered || panels[i].Source == "" {
			continue
		}
		panels[i].Query = kql.And{kql.Is{Field: "bank_code", Value: bank}, panels[i].Query}
	}
	return panels
}

// board holds a whole dashboard against the events.
func (j *judge) board(board view.Dashboard, results []query.Result) {
	j.t.Helper()
	for _, result := range results {
		name := board.ID + "/" + result.Panel.ID
		switch {
		case result.Err != nil:
			j.t.Errorf("%s: %v", name, result.Err)
		case result.Panel.Chart == view.Documents:
			j.list(name, result)
		case len(result.Panel.Layer.Metrics) > 0 && figures.WithoutFigure[result.Panel.ID] == "":
			j.panel(board.ID, result)
		}
	}
}

// panel holds one panel against its figure by hand.
func (j *judge) panel(board string, result query.Result) {
	j.t.Helper()
	name := board + "/" + result.Panel.ID
	figure := figures.Of(board, result.Panel.ID)
	if figure == nil {
		j.t.Errorf("%s: nobody has reckoned it by hand", name)
		return
	}
	question := figures.Input{
		Documents: j.documents, From: result.Range.From, To: result.Range.To, Interval: result.Table.Interval,
	}
	rows := figure(question)
	hand := byKeys(rows)
	least, most := hand, hand
	if approximate(result.Panel) {
		question.Bound = -1
		least = byKeys(figure(question))
		question.Bound = 1
		most = byKeys(figure(question))
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	events := j.between(result.Range)
	for i, row := range result.Table.Rows {
		key := keysOf(row)
		if byNumber(result.Panel) && (i >= len(rows) || key != strings.Join(rows[i].Keys, " | ")) {
			fault("row %q is not the %dth by its number of events", key, i+1)
		}
		values := hand[key]
		for i, metric := range result.Panel.Layer.Metrics {
			shown, reckoned := row.Values[i], values[metric.ID]
			if values == nil && (shown == nil || *shown == 0) {
				continue // A row without documents.
			}
			if shown != nil || reckoned != nil {
				j.compared[name]++
			}
			if shown != nil && *shown != 0 {
				j.shown[name]++
			}
			if !agree(metric.Figure, shown, reckoned, least[key][metric.ID], most[key][metric.ID], len(events)) {
				fault("row %q, %s: shows %s, reckoned %s", key, metric.ID, said(shown), said(reckoned))
			}
		}
		delete(hand, key)
	}
	for key, values := range hand {
		for id, value := range values {
			if value != nil && *value != 0 {
				fault("row %q, %s: not shown, reckoned %s", key, id, said(value))
			}
		}
	}
	if sum := summed(result.Trend); result.Trend != nil && !same(sum, *result.Table.Rows[0].Values[0]) {
		fault("its trend adds up to %v, the figure is %v", sum, *result.Table.Rows[0].Values[0])
	}
	j.tell(name, result.Range, faults)
}

// byNumber says that the rows of a panel are in the order of their numbers of events.
func byNumber(panel view.Panel) bool {
	if len(panel.Layer.Buckets) != 1 {
		return false
	}
	terms, is := panel.Layer.Buckets[0].(view.Terms)
	return is && terms.By != nil && terms.By.Function == view.Count && kql.Empty(terms.By.Filter)
}

func (j *judge) tell(name string, span query.Range, faults []string) {
	j.t.Helper()
	slices.Sort(faults)
	for i, one := range faults {
		if i == wrongs {
			j.t.Errorf("%s, %s to %s: and %d more", name, moment(span.From), moment(span.To), len(faults)-wrongs)
			break
		}
		j.t.Errorf("%s, %s to %s: %s", name, moment(span.From), moment(span.To), one)
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// between are the events of a range.
func (j *judge) between(span query.Range) []figures.Document {
	var found []figures.Document
	for _, d := range j.documents {
		if at := d.OccurredAt(); !at.Before(span.From) && !at.After(span.To) {
			found = append(found, d)
		}
	}
	return found
}

// byKeys are the rows of a figure by their keys.
func byKeys(rows []figures.Row) map[string]figures.Values {
	named := map[string]figures.Values{}
	for _, row := range rows {
		named[strings.Join(row.Keys, " | ")] = row.Values
	}
	return named
}

func keysOf(row query.Row) string {
	var texts []string
	for _, key := range row.Keys {
		texts = append(texts, key.Text)
	}
	return strings.Join(texts, " | ")
}

func said(value *float64) string {
	if value == nil {
		return "no value"
	}
	return strconv.FormatFloat(*value, 'f', -1, 64)
}

func summed(table *query.Table) (sum float64) {
	if table == nil {
		return 0
	}
	for _, row := range table.Rows {
		if row.Values[0] != nil {
			sum += *row.Values[0]
		}
	}
	return sum
}

// same allows for the rounding of sums and quotients of float64.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func approximate(panel view.Panel) bool {
	return slices.ContainsFunc(panel.Layer.Metrics, func(v view.Value) bool { return has(v.Figure, view.Percentile) })
}

func has(figure view.Expression, function view.Function) bool {
	return slices.ContainsFunc(view.Aggregates(figure), func(a view.Aggregate) bool { return a.Function == function })
}

// agree says whether a figure is what was reckoned: exactly, or, of those that
// Elasticsearch estimates, within what the panels say of them. A percentile is within
// 1 % of its rank; a number of different values next to exact up to 3,000 and within
// 3 % above. events is how many events there are to be different.
func agree(figure view.Expression, shown, reckoned, least, most *float64, events int) bool {
	if shown == nil || reckoned == nil {
		return shown == nil && reckoned == nil
	}
	switch {
	case has(figure, view.Percentile):
		return *least <= *shown && *shown <= *most
	case has(figure, view.Unique):
		different := *reckoned
		if _, alone := figure.(view.Aggregate); !alone {
			different = float64(events)
		}
		return math.Abs(*shown-*reckoned) <= uncertain(different)
	}
	return same(*shown, *reckoned)
}

func uncertain(different float64) float64 {
	if different <= 3_000 {
		return max(1, different/200)
	}
	return 0.03 * different
}

// list holds a list of single documents against the newest events.
func (j *judge) list(name string, result query.Result) {
	j.t.Helper()
	var found []figures.Document
	for _, d := range j.between(result.Range) {
		if d.Kind == event.KindPurchase && d.Status == event.StatusDeclined {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b figures.Document) int { return b.OccurredAt().Compare(a.OccurredAt()) })
	written := map[string]bool{}
	for _, d := range found {
		written[strings.Join([]string{
			moment(d.OccurredAt()), d.MerchantName, strconv.FormatInt(d.AmountMinor, 10), d.Currency, string(d.DeclineReason), string(d.CardBrand),
			d.CardBIN, d.CardLast4, number(d.Attempt), d.TraceID,
		}, " | ")] = true
	}
	var faults []string
	if len(result.Table.Rows) != min(20, len(found)) {
		faults = append(faults, fmt.Sprintf("shows %d documents of %d", len(result.Table.Rows), len(found)))
	}
	for i, row := range result.Table.Rows {
		j.compared[name]++
		j.shown[name]++
		if !written[keysOf(row)] {
			faults = append(faults, fmt.Sprintf("row %d is no event: %s", i, keysOf(row)))
		}
		if i < len(found) && row.Keys[0].Text != moment(found[i].OccurredAt()) {
			faults = append(faults, fmt.Sprintf("row %d is of %s, reckoned %s", i, row.Keys[0].Text, moment(found[i].OccurredAt())))
		}
	}
	j.tell(name, result.Range, faults)
}

func number(n event.Optional[int32]) string {
	if !n.Present {
		return ""
	}
	return strconv.Itoa(int(n.Value))
}

// lags gives the documents of a bank what only the index knows of them.
func lags(t *testing.T, stack *launch.Stack, bank string, since time.Time, documents []figures.Document) []figures.Document {
	t.Helper()
	millis := map[string]int64{}
	var after []any
	for {
		search := map[string]any{
			"size": 10_000, "_source": []string{"pipeline_millis"}, "sort": []any{map[string]any{"event_id": "asc"}},
			"query": map[string]any{"bool": map[string]any{"filter": []any{
				map[string]any{"term": map[string]any{"bank_code": bank}},
				map[string]any{"range": map[string]any{"occurred_at": map[string]any{"gte": since.UnixMilli(), "format": "epoch_millis"}}},
			}}},
		}
		if after != nil {
			search["search_after"] = after
		}
		answer := call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_search", search)
		hits := answer["hits"].(map[string]any)["hits"].([]any)
		if len(hits) == 0 {
			break
		}
		for _, hit := range hits {
			document := hit.(map[string]any)
			after = document["sort"].([]any)
			millis[after[0].(string)] = int64(document["_source"].(map[string]any)["pipeline_millis"].(float64))
		}
	}
	found := slices.Clone(documents)
	found = slices.DeleteFunc(found, func(d figures.Document) bool { return d.OccurredAt().Before(since) })
	for i := range found {
		lag, there := millis[found[i].EventID]
		require.True(t, there, "%s is not in the index", found[i].EventID)
		found[i].PipelineMillis = lag
	}
	return found
}

// opened is a dashboard and the range it is looked at in.
type opened struct {
	name string
	at   func(view.Dashboard) (query.Range, error)
}

// looks are the ways in which each dashboard is looked at: the whole history, a part
// that begins and ends on no round time, and as it opens at moments of some kind.
func looks(p *past) []opened {
	whole := query.Range{From: p.plan.Start, To: p.plan.End}
	part := query.Range{From: p.plan.Start.Add(100*24*time.Hour + 7*time.Hour + 123*time.Millisecond)}
	part.To = part.From.Add(40*24*time.Hour + 11*time.Minute)
	same := func(r query.Range) func(view.Dashboard) (query.Range, error) {
		return func(view.Dashboard) (query.Range, error) { return r, nil }
	}
	at := func(now time.Time) func(view.Dashboard) (query.Range, error) {
		return func(board view.Dashboard) (query.Range, error) { return query.Since(board, now) }
	}
	return []opened{
		{"the whole history", same(whole)},
		{"a part of it", same(part)},
		{"opened after the burst", at(p.plan.Burst.To)},
		{"opened in the outage", at(p.plan.Outage.From.Add(p.plan.Outage.To.Sub(p.plan.Outage.From) / 2))},
		{"opened on the second of a month", at(time.Date(2026, 3, 2, 15, 4, 5, 678_000_000, time.UTC))},
		{"opened at the end", at(p.plan.End)},
	}
}

// What each panel shows of a year is what was reckoned from the events of the topic.
func TestEveryFigureIsThatOfTheEvents(t *testing.T) {
	p := pastOf(t)
	stack := running(t)
	judge := newJudge(t, historyBank, lags(t, stack, historyBank, p.plan.Start.Add(-24*time.Hour), p.documents))
	ask := asker(stack)
	for _, look := range looks(p) {
		began, asking := time.Now(), time.Duration(0)
		for _, board := range catalogue.Dashboards() {
			span, err := look.at(board)
			require.NoError(t, err)
			asked := time.Now()
			results, err := ask.RunAll(t.Context(), filtered(board, historyBank), span)
			require.NoError(t, err)
			asking += time.Since(asked)
			judge.board(board, results)
		}
		t.Logf("%s: %v, of which the index %v", look.name, time.Since(began).Round(time.Millisecond), asking.Round(time.Millisecond))
	}
	judge.requireSomething(true)
}

// requireSomething fails for panels of which nothing was compared, or which showed
// nothing but zeros.
func (j *judge) requireSomething(zeros bool) {
	j.t.Helper()
	total := 0
	for _, board := range catalogue.Dashboards() {
		for _, panel := range board.Panels {
			name := board.ID + "/" + panel.ID
			if panel.Chart == view.Links || panel.Chart == view.Text || figures.WithoutFigure[panel.ID] != "" {
				continue
			}
			total += j.compared[name]
			if zeros && j.shown[name] == 0 && quiet[name] == "" {
				j.t.Errorf("%s shows nothing of the whole history", name)
			}
			if zeros && j.shown[name] > 0 && quiet[name] != "" && panel.Approximate == "" {
				j.t.Errorf("%s shows something, other than is said: %s", name, quiet[name])
			}
		}
	}
	j.t.Logf("%d figures compared", total)
	require.Positive(j.t, total)
}

// The panels that a history says nothing about are right of events that just happened.
func TestEveryFigureOfLiveEventsIsThatOfTheEvents(t *testing.T) {
	stack := running(t)
	began := time.Now().Truncate(time.Millisecond)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(200)
	load.settle()
	load.verify(stack)
	ended := time.Now()
	call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
	documents := documentsOnTopic(t, stack, "bank-001.transactions.v1", 0)
	judge := newJudge(t, launch.BankCode, lags(t, stack, launch.BankCode, began, documents))
	span := query.Range{From: began, To: ended}
	for _, board := range catalogue.Dashboards() {
		panels := slices.DeleteFunc(filtered(board, launch.BankCode), func(p view.Panel) bool { return p.From != "" })
		results, err := asker(stack).RunAll(t.Context(), panels, span)
		require.NoError(t, err)
		judge.board(board, results)
	}
	judge.requireSomething(false)
	for _, name := range []string{"pipeline/lag", "pipeline/lag-over-time", "service-level/latency", "pipeline/partitions"} {
		require.Positive(t, judge.shown[name], name)
	}
}

// printed is what the operators' tool prints of a panel.
type printed struct {
	Dashboard, Panel, Error string
	Range                   query.Range
	Table, Trend            *query.Table
}

// interval is how long a stretch of time of a panel is, which the tool does not print.
func interval(t *testing.T, panel view.Panel, span query.Range) time.Duration {
	for _, bucket := range panel.Layer.Buckets {
		stretches, is := bucket.(view.Time)
		if is && stretches.Interval != "auto" {
			length, err := time.ParseDuration(stretches.Interval)
			require.NoError(t, err)
			return length
		}
		if is {
			return query.Interval(span)
		}
	}
	return 0
}

// The operators' tool shows the same figures, of all banks: in this stretch of time
// there is one.
func TestTheToolShowsTheFiguresOfTheEvents(t *testing.T) {
	p := pastOf(t)
	stack := running(t)
	judge := newJudge(t, historyBank, lags(t, stack, historyBank, p.plan.Start.Add(-24*time.Hour), p.documents))
	span := query.Range{From: p.plan.Burst.To.Add(-48 * time.Hour), To: p.plan.Burst.To}
	for _, board := range catalogue.Dashboards() {
		var out bytes.Buffer
		require.NoError(t, stack.Bankctl(t.Context(), &out, "dashboards", "show", board.ID, "-o", "json",
			"--from", span.From.Format(time.RFC3339Nano), "--to", span.To.Format(time.RFC3339Nano)), out.String())
		var results []query.Result
		lines := json.NewDecoder(&out)
		for _, panel := range board.Panels {
			var line printed
			require.NoError(t, lines.Decode(&line))
			require.Equal(t, board.ID, line.Dashboard)
			require.Equal(t, panel.ID, line.Panel)
			require.Empty(t, line.Error, panel.ID)
			require.NotNil(t, line.Table, panel.ID)
			line.Table.Interval = interval(t, panel, line.Range)
			if line.Range.To.After(span.To) {
				continue // The future holds what the other bank does now.
			}
			results = append(results, query.Result{Panel: panel, Range: line.Range, Table: *line.Table, Trend: line.Trend})
		}
		require.False(t, lines.More())
		judge.board(board, results)
	}
	judge.requireSomething(false)
}
