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
	"codebank.dev/dashboards/expected"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/schemas/event"
	"codebank.dev/stack/launch"
)

// emptyPanels are the panels that show only zeros or nothing for the history, with the reason.
var emptyPanels = map[string]string{
	"pipeline/lag":           "the history is older than half an hour when it arrives; see the live events",
	"pipeline/lag-over-time": "the history is older than half an hour when it arrives; see the live events",

	"wallets/expired": "a bank that loads a history lets no hold expire",
}

// maxFaults bounds how many wrong figures of a panel are reported.
const maxFaults = 5

// figureCheck compares panels with figures that are computed from the events of one bank.
type figureCheck struct {
	t         *testing.T
	bank      string
	documents []expected.Document
	// compared counts the figures that had a value. nonZero counts those that were not 0. Both
	// are by dashboard and panel.
	compared, nonZero map[string]int
}

func newFigureCheck(t *testing.T, bank string, documents []expected.Document) *figureCheck {
	return &figureCheck{t: t, bank: bank, documents: documents, compared: map[string]int{}, nonZero: map[string]int{}}
}

// panelsOfBank returns the panels of a dashboard with a filter for one bank.
func panelsOfBank(board view.Dashboard, bank string) []view.Panel {
	panels := slices.Clone(board.Panels)
	for i := range panels {
		if panels[i].Source != view.Transactions {
			continue
		}
		panels[i].Query = kql.And{kql.Is{Field: "bank_code", Value: bank}, panels[i].Query}
	}
	return panels
}

// checkDashboard compares all panels of a dashboard with the events.
func (c *figureCheck) checkDashboard(board view.Dashboard, results []query.Result) {
	c.t.Helper()
	for _, result := range results {
		name := board.ID + "/" + result.Panel.ID
		switch {
		case result.Err != nil:
			c.t.Errorf("%s: %v", name, result.Err)
		case result.Panel.Chart == view.Documents:
			c.checkDocuments(name, result)
		case len(result.Panel.Layer.Metrics) > 0 && expected.WithoutFigure[result.Panel.ID] == "":
			c.checkPanel(board.ID, result)
		}
	}
}

// checkPanel compares one panel with its computed figure.
func (c *figureCheck) checkPanel(board string, result query.Result) {
	c.t.Helper()
	name := board + "/" + result.Panel.ID
	figure := expected.Of(board, result.Panel.ID)
	if figure == nil {
		c.t.Errorf("%s: expected.Of has no computation for it", name)
		return
	}
	question := expected.Input{
		Documents: c.documents, From: result.Range.From, To: result.Range.To, Interval: result.Table.Interval,
	}
	rows := figure(question)
	computedRows := byKeys(rows)
	least, most := computedRows, computedRows
	if approximate(result.Panel) {
		question.Bound = -1
		least = byKeys(figure(question))
		question.Bound = 1
		most = byKeys(figure(question))
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	events := c.documentsIn(result.Range)
	for i, row := range result.Table.Rows {
		key := keysOf(row)
		if byNumber(result.Panel) && (i >= len(rows) || key != strings.Join(rows[i].Keys, " | ")) {
			fault("row %q is not the %dth by its number of events", key, i+1)
		}
		values := computedRows[key]
		for i, metric := range result.Panel.Layer.Metrics {
			shown, computed := row.Values[i], values[metric.ID]
			if values == nil && (shown == nil || *shown == 0) {
				continue // a row without documents
			}
			if shown != nil || computed != nil {
				c.compared[name]++
			}
			if shown != nil && *shown != 0 {
				c.nonZero[name]++
			}
			if !matches(metric.Figure, shown, computed, least[key][metric.ID], most[key][metric.ID], len(events)) {
				fault("row %q, %s: shows %s, computed %s", key, metric.ID, formatValue(shown), formatValue(computed))
			}
		}
		delete(computedRows, key)
	}
	for key, values := range computedRows {
		for id, value := range values {
			if value != nil && *value != 0 {
				fault("row %q, %s: not shown, computed %s", key, id, formatValue(value))
			}
		}
	}
	if sum := sumOf(result.Trend); result.Trend != nil && !equalRounded(sum, *result.Table.Rows[0].Values[0]) {
		fault("its trend adds up to %v, the figure is %v", sum, *result.Table.Rows[0].Values[0])
	}
	c.reportFaults(name, result.Range, faults)
}

// byNumber reports whether the rows of a panel are ordered by their numbers of events.
func byNumber(panel view.Panel) bool {
	if len(panel.Layer.Buckets) != 1 {
		return false
	}
	terms, is := panel.Layer.Buckets[0].(view.Terms)
	return is && terms.By != nil && terms.By.Function == view.Count && kql.Empty(terms.By.Filter)
}

func (c *figureCheck) reportFaults(name string, span query.Range, faults []string) {
	c.t.Helper()
	slices.Sort(faults)
	for i, one := range faults {
		if i == maxFaults {
			c.t.Errorf("%s, %s to %s: and %d more", name, formatTime(span.From), formatTime(span.To), len(faults)-maxFaults)
			break
		}
		c.t.Errorf("%s, %s to %s: %s", name, formatTime(span.From), formatTime(span.To), one)
	}
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// documentsIn returns the events of a range.
func (c *figureCheck) documentsIn(span query.Range) []expected.Document {
	var found []expected.Document
	for _, d := range c.documents {
		if at := d.OccurredAt(); !at.Before(span.From) && !at.After(span.To) {
			found = append(found, d)
		}
	}
	return found
}

// byKeys returns the rows of a figure by their keys.
func byKeys(rows []expected.Row) map[string]expected.Values {
	named := map[string]expected.Values{}
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

func formatValue(value *float64) string {
	if value == nil {
		return "no value"
	}
	return strconv.FormatFloat(*value, 'f', -1, 64)
}

func sumOf(table *query.Table) (sum float64) {
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

// equalRounded compares two values and allows for the rounding of float64 sums and quotients.
func equalRounded(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

func approximate(panel view.Panel) bool {
	return slices.ContainsFunc(panel.Layer.Metrics, func(v view.Value) bool { return uses(v.Figure, view.Percentile) })
}

func uses(figure view.Expression, function view.Function) bool {
	return slices.ContainsFunc(view.Aggregates(figure), func(a view.Aggregate) bool { return a.Function == function })
}

// matches reports whether a shown figure equals the computed one. Figures that Elasticsearch
// estimates may differ as the panels say: a percentile by 1 % of its rank, and a number of
// distinct values hardly at all up to 3,000 and by 3 % above. events bounds the number of
// distinct values.
func matches(figure view.Expression, shown, computed, least, most *float64, events int) bool {
	if shown == nil || computed == nil {
		return shown == nil && computed == nil
	}
	switch {
	case uses(figure, view.Percentile):
		return *least <= *shown && *shown <= *most
	case uses(figure, view.Unique):
		different := *computed
		if _, alone := figure.(view.Aggregate); !alone {
			different = float64(events)
		}
		return math.Abs(*shown-*computed) <= uncertainty(different)
	}
	return equalRounded(*shown, *computed)
}

func uncertainty(different float64) float64 {
	if different <= 3_000 {
		return max(1, different/200)
	}
	return 0.03 * different
}

// checkDocuments compares a list of single documents with the newest events.
func (c *figureCheck) checkDocuments(name string, result query.Result) {
	c.t.Helper()
	var found []expected.Document
	for _, d := range c.documentsIn(result.Range) {
		if d.Kind == event.KindPurchase && d.Status == event.StatusDeclined {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b expected.Document) int { return b.OccurredAt().Compare(a.OccurredAt()) })
	written := map[string]bool{}
	for _, d := range found {
		written[strings.Join([]string{
			formatTime(d.OccurredAt()), d.MerchantName, strconv.FormatInt(d.AmountMinor, 10), d.Currency, string(d.DeclineReason), string(d.CardBrand),
			d.CardBIN, d.CardLast4, formatOptional(d.Attempt), d.TransactionID,
		}, " | ")] = true
	}
	var faults []string
	if len(result.Table.Rows) != min(20, len(found)) {
		faults = append(faults, fmt.Sprintf("shows %d documents of %d", len(result.Table.Rows), len(found)))
	}
	for i, row := range result.Table.Rows {
		c.compared[name]++
		c.nonZero[name]++
		if !written[keysOf(row)] {
			faults = append(faults, fmt.Sprintf("row %d is not an event: %s", i, keysOf(row)))
		}
		if i < len(found) && row.Keys[0].Text != formatTime(found[i].OccurredAt()) {
			faults = append(faults, fmt.Sprintf("row %d is of %s, computed %s", i, row.Keys[0].Text, formatTime(found[i].OccurredAt())))
		}
	}
	c.reportFaults(name, result.Range, faults)
}

func formatOptional(n event.Optional[int32]) string {
	if !n.Present {
		return ""
	}
	return strconv.Itoa(int(n.Value))
}

// withPipelineMillis returns the documents of a bank with the pipeline_millis that only the
// index knows.
func withPipelineMillis(t *testing.T, stack *launch.Stack, bank string, since time.Time, documents []expected.Document) []expected.Document {
	t.Helper()
	millis := map[string]int64{}
	scanIndex(t, stack, map[string]any{
		"_source": []string{"pipeline_millis"},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"term": map[string]any{"bank_code": bank}},
			map[string]any{"range": map[string]any{"occurred_at": map[string]any{"gte": since.UnixMilli(), "format": "epoch_millis"}}},
		}}},
	}, func(document map[string]any) {
		source := document["_source"].(map[string]any)
		millis[document["_id"].(string)] = int64(source["pipeline_millis"].(float64))
	})
	found := slices.Clone(documents)
	found = slices.DeleteFunc(found, func(d expected.Document) bool { return d.OccurredAt().Before(since) })
	for i := range found {
		lag, there := millis[found[i].EventID]
		require.True(t, there, "%s is not in the index", found[i].EventID)
		found[i].PipelineMillis = lag
	}
	return found
}

// opening is a way to open a dashboard: it returns the range to show.
type opening struct {
	name string
	at   func(view.Dashboard) (query.Range, error)
}

// openings are the ranges in which each dashboard is checked: the whole history, a part that
// does not begin and end at a round time, and the default range at several moments.
func openings(p *syntheticHistory) []opening {
	whole := query.Range{From: p.plan.Start, To: p.plan.End}
	part := query.Range{From: p.plan.Start.Add(100*24*time.Hour + 7*time.Hour + 123*time.Millisecond)}
	part.To = part.From.Add(40*24*time.Hour + 11*time.Minute)
	same := func(r query.Range) func(view.Dashboard) (query.Range, error) {
		return func(view.Dashboard) (query.Range, error) { return r, nil }
	}
	at := func(now time.Time) func(view.Dashboard) (query.Range, error) {
		return func(board view.Dashboard) (query.Range, error) { return query.Since(board, now) }
	}
	return []opening{
		{"the whole history", same(whole)},
		{"a part of it", same(part)},
		{"opened after the burst", at(p.plan.Burst.To)},
		{"opened in the outage", at(p.plan.Outage.From.Add(p.plan.Outage.To.Sub(p.plan.Outage.From) / 2))},
		{"opened on the second of a month", at(time.Date(2026, 3, 2, 15, 4, 5, 678_000_000, time.UTC))},
		{"opened at the end", at(p.plan.End)},
	}
}

// Every panel shows for a year what is computed from the events on the topic.
func TestEveryFigureEqualsThatOfTheEvents(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	check := newFigureCheck(t, historyBank, withPipelineMillis(t, stack, historyBank, time.Unix(0, 0), p.documents))
	ask := dashboardClient(stack)
	for _, opening := range openings(p) {
		began, asking := time.Now(), time.Duration(0)
		for _, board := range catalogue.Dashboards() {
			span, err := opening.at(board)
			require.NoError(t, err)
			asked := time.Now()
			results, err := ask.RunAll(t.Context(), panelsOfBank(board, historyBank), span)
			require.NoError(t, err)
			asking += time.Since(asked)
			check.checkDashboard(board, results)
		}
		t.Logf("%s: %v, of which the index %v", opening.name, time.Since(began).Round(time.Millisecond), asking.Round(time.Millisecond))
	}
	check.requireFigures(true)
}

// requireFigures fails for a panel that was never compared, or that showed only zeros.
func (c *figureCheck) requireFigures(zeros bool) {
	c.t.Helper()
	total := 0
	for _, board := range catalogue.Dashboards() {
		for _, panel := range board.Panels {
			name := board.ID + "/" + panel.ID
			if panel.Chart == view.Links || panel.Chart == view.Text || expected.WithoutFigure[panel.ID] != "" {
				continue
			}
			total += c.compared[name]
			if zeros && c.nonZero[name] == 0 && emptyPanels[name] == "" {
				c.t.Errorf("%s shows nothing of the whole history", name)
			}
			if zeros && c.nonZero[name] > 0 && emptyPanels[name] != "" && panel.Approximate == "" {
				c.t.Errorf("%s shows something, although it should not: %s", name, emptyPanels[name])
			}
		}
	}
	c.t.Logf("%d figures compared", total)
	require.Positive(c.t, total)
}

// The panels that are empty for the history are correct for events of the present.
func TestEveryFigureOfLiveEventsEqualsThatOfTheEvents(t *testing.T) {
	stack := running(t)
	began := time.Now().Truncate(time.Millisecond)
	load := startLoad(t, 4, 2, stack.Addresses().BankGRPC())
	load.progress(200)
	load.resolveUnknown()
	load.verify(stack)
	ended := time.Now()
	call(t, http.MethodPost, stack.Addresses().Elasticsearch()+"/bank-transactions-*/_refresh", nil)
	documents := documentsOnTopic(t, stack, "bank-001.transactions.v1", 0)
	check := newFigureCheck(t, launch.BankCode, withPipelineMillis(t, stack, launch.BankCode, began, documents))
	span := query.Range{From: began, To: ended}
	for _, board := range catalogue.Dashboards() {
		panels := slices.DeleteFunc(panelsOfBank(board, launch.BankCode), func(p view.Panel) bool { return p.From != "" })
		results, err := dashboardClient(stack).RunAll(t.Context(), panels, span)
		require.NoError(t, err)
		check.checkDashboard(board, results)
	}
	check.requireFigures(false)
	for _, name := range []string{"pipeline/lag", "pipeline/lag-over-time", "service-level/latency"} {
		require.Positive(t, check.nonZero[name], name)
	}
}

// printedPanel is the output of bankctl for a panel.
type printedPanel struct {
	Dashboard, Panel, Error string
	Range                   query.Range
	Table, Trend            *query.Table
}

// intervalOf returns the length of a panel's time buckets, which bankctl does not print.
func intervalOf(t *testing.T, panel view.Panel, span query.Range) time.Duration {
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

// bankctl shows the same figures for all banks. Only one bank has events in this range.
func TestBankctlShowsTheFiguresOfTheEvents(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	check := newFigureCheck(t, historyBank, withPipelineMillis(t, stack, historyBank, time.Unix(0, 0), p.documents))
	span := query.Range{From: p.plan.Burst.To.Add(-48 * time.Hour), To: p.plan.Burst.To}
	for _, board := range catalogue.Dashboards() {
		var out bytes.Buffer
		require.NoError(t, stack.Bankctl(t.Context(), &out, "dashboards", "show", board.ID, "-o", "json",
			"--from", span.From.Format(time.RFC3339Nano), "--to", span.To.Format(time.RFC3339Nano)), out.String())
		var results []query.Result
		lines := json.NewDecoder(&out)
		for _, panel := range board.Panels {
			var line printedPanel
			require.NoError(t, lines.Decode(&line))
			require.Equal(t, board.ID, line.Dashboard)
			require.Equal(t, panel.ID, line.Panel)
			require.Empty(t, line.Error, panel.ID)
			require.NotNil(t, line.Table, panel.ID)
			line.Table.Interval = intervalOf(t, panel, line.Range)
			if line.Range.To.After(span.To) {
				continue // after the history the other banks have events
			}
			results = append(results, query.Result{Panel: panel, Range: line.Range, Table: *line.Table, Trend: line.Trend})
		}
		require.False(t, lines.More())
		check.checkDashboard(board, results)
	}
	check.requireFigures(false)
}
