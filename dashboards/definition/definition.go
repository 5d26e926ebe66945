// Package definition writes the page that explains every figure of the dashboards: how
// it is calculated, from which fields, what it leaves out, and how exact it is.
package definition

import (
	"fmt"
	"strings"

	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/view"
)

// Page returns the page in Markdown.
func Page(boards []view.Dashboard, rules []alert.Rule) []byte {
	var b strings.Builder
	b.WriteString(head)
	reasons(&b)
	described := make(map[string]bool)
	for _, board := range boards {
		fmt.Fprintf(&b, "\n## %s\n\n%s Opens with %s, refreshed every %d s.\n", board.Title, board.Description, span(board.From, ""),
			int(board.Refresh.Seconds()))
		for _, p := range board.Panels {
			// Panels that every dashboard has are described once.
			if described[p.ID+p.Definition] {
				continue
			}
			described[p.ID+p.Definition] = true
			panel(&b, p)
		}
	}
	alerts(&b, rules)
	return []byte(b.String())
}

func alerts(b *strings.Builder, rules []alert.Rule) {
	b.WriteString("\n## Alerts\n\nThese are rules of Kibana. They notify nobody until the operators of Kibana add actions to them.\n")
	for _, rule := range rules {
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n- checks the last %d min every %d min, by `%s`\n- raised when: `%s`\n",
			rule.Name, rule.Definition, int(rule.Window.Minutes()), int(rule.Every.Minutes()), rule.TimeField, rule.Formula())
	}
}

const head = `# Definitions

This page explains every figure on the dashboards. ` + "`go run ./dashboards/generate`" + ` writes it from the panels themselves, so it
always agrees with them.

- **Payment**: an event of kind PURCHASE. A payer who tries three times makes three payments, unless a figure says otherwise.
- **Filters**: the controls that a reader sets filter every figure, except figures that say they do not.
- **Exact** figures count every document in the index. "Complete up to" shows up to which time all documents are there.
- **Rounded** figures: Elasticsearch adds in 64-bit floating point. A sum of 2^53 (9,007,199,254,740,992) minor units or more may be
  off by a few. ` + "`bankctl dashboards show`" + ` and the pages mark such a figure with ≈; Kibana does not.
- **Formulas** use the language of Kibana's formulas. ` + "`query`" + ` chooses the documents for all figures of a panel.
- **Small figure**: the smaller of the two figures in a panel. "Against before" is the change against the time before the range,
  which is as long: a share of the figure before, or a difference of rates in percentage points. Without a figure before, there is no
  change; Kibana shows 0.
- **Money**: one currency a panel. "Payments by currency" has the others, each in its own row.
- **Times** are in the reader's zone in Kibana. Hours, weekdays and the terminal are in UTC.
`

func reasons(b *strings.Builder) {
	words := catalogue.DataViews()[0].Words
	b.WriteString("\n## Groups of declines\n\n| group | reasons |\n|---|---|\n")
	for _, group := range []catalogue.Group{catalogue.Soft, catalogue.Hard, catalogue.Technical} {
		list := make([]string, len(catalogue.Reasons[group]))
		for i, reason := range catalogue.Reasons[group] {
			list[i] = words.Of("decline_reason", reason) + " (" + reason + ")"
		}
		fmt.Fprintf(b, "| %s | %s |\n", group, strings.Join(list, ", "))
	}
}

func panel(b *strings.Builder, p view.Panel) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n", p.Title, p.Definition)
	if len(p.Layer.Metrics) == 0 && p.Chart != view.Documents {
		return
	}
	b.WriteString("\n")
	for _, bucket := range p.Layer.Buckets {
		fmt.Fprintf(b, "- for each: %s\n", divided(bucket))
	}
	if p.Shade.Dark != "" {
		fmt.Fprintf(b, "- colours: dark is %s\n", p.Shade.Dark)
	}
	for _, value := range p.Layer.Metrics {
		fmt.Fprintf(b, "- %s: `%s`%s\n", value.Label, view.Formula(value.Figure), unit(value))
	}
	if text := kql.Text(p.Query); text != "" {
		fmt.Fprintf(b, "- query: `%s`\n", text)
	}
	if p.From != "" {
		fmt.Fprintf(b, "- always shows: %s\n", span(p.From, p.To))
	}
	fmt.Fprintf(b, "- fields: %s\n", strings.Join(view.PanelFields(p), ", "))
	if p.Approximate == "" {
		b.WriteString("- exact\n")
	} else {
		fmt.Fprintf(b, "- approximate: %s\n", p.Approximate)
	}
}

// unit returns what the formula of a figure does not show: its unit, and the length of
// time that divides it.
func unit(v view.Value) string {
	text := ""
	if a, ok := v.Figure.(view.Aggregate); ok && a.Per != "" {
		text = ", divided by the time in " + a.Per
	}
	if v.Change != nil && v.Change.Points {
		return text + ", in percentage points"
	}
	switch v.Format.Kind {
	case view.Money:
		return text + ", in " + v.Format.Unit
	case view.Percent:
		return text + ", in per cent"
	case view.Duration:
		return text + ", in " + v.Format.Unit + ", shown in " + v.Format.As
	}
	return text
}

func divided(bucket view.Bucket) string {
	switch b := bucket.(type) {
	case view.Time:
		return "interval of `" + b.Field + "`, " + b.Interval
	case view.Terms:
		by := "by itself"
		if b.By != nil {
			direction := "largest"
			if b.Ascending {
				direction = "smallest"
			}
			by = "by " + direction + " `" + view.Formula(*b.By) + "`"
		}
		if b.Other {
			by += ", and all others together"
		}
		return fmt.Sprintf("%s: values of `%s`, the first %d %s", b.Label, strings.Join(b.Fields, "`, `"), b.Size, by)
	case view.Filters:
		list := make([]string, len(b.Filters))
		for i, filter := range b.Filters {
			list[i] = fmt.Sprintf("%s (`%s`)", filter.Label, kql.Text(filter.Query))
			if kql.Empty(filter.Query) {
				list[i] = filter.Label + " (all)"
			}
		}
		return b.Label + ": " + strings.Join(list, ", ")
	case view.Numbers:
		return fmt.Sprintf("%s: `%s` from %d to %d", b.Label, b.Field, b.First, b.Last)
	case view.Ranges:
		list := make([]string, len(b.Ranges))
		for i, r := range b.Ranges {
			list[i] = r.Label
		}
		return fmt.Sprintf("%s: ranges of `%s`: %s", b.Label, b.Field, strings.Join(list, " | "))
	}
	return ""
}

var spans = map[string]string{
	"now-15m": "the last 15 minutes", "now-3h": "the last 3 hours", "now-24h": "the last 24 hours", "now-7d": "the last 7 days", "now/d": "today",
}

func span(from, to string) string {
	if from == "now-50y" {
		return "the whole index"
	}
	if to != "" {
		return "the time from " + from + " to " + to
	}
	if text := spans[from]; text != "" {
		return text
	}
	return "the time from " + from
}
