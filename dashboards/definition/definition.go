// Package definition writes the page that says what every figure on the dashboards
// means: how it is reckoned, from which fields, what it leaves out, and how exact it is.
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
	told := make(map[string]bool)
	for _, board := range boards {
		fmt.Fprintf(&b, "\n## %s\n\n%s Opens with %s, refreshed every %d s.\n", board.Title, board.Description, span(board.From, ""),
			int(board.Refresh.Seconds()))
		for _, p := range board.Panels {
			// What every dashboard has is told once.
			if told[p.ID+p.Definition] {
				continue
			}
			told[p.ID+p.Definition] = true
			panel(&b, p)
		}
	}
	alerts(&b, rules)
	return []byte(b.String())
}

func alerts(b *strings.Builder, rules []alert.Rule) {
	b.WriteString("\n## Alerts\n\nRules of Kibana. They say nothing to anybody until its operators add whom to tell.\n")
	for _, rule := range rules {
		fmt.Fprintf(b, "\n### %s\n\n%s\n\n- looks at the last %d min, every %d min, by `%s`\n- raised when: `%s`\n",
			rule.Name, rule.Definition, int(rule.Window.Minutes()), int(rule.Every.Minutes()), rule.TimeField, rule.Formula())
	}
}

const head = `# Definitions

What every figure on the dashboards means. This page is made from the panels themselves, by ` + "`go run ./dashboards/generate`" + `:
it cannot say anything else than they do.

- **Payment**: an event of kind PURCHASE. A payer who tries three times made three payments, unless a figure says otherwise.
- **Filters** that a reader sets by the controls narrow every figure but those that say they do not.
- **Exact** figures count every document that is in the index. That all are is what "Complete up to" says.
- **Formulas** are in the language of Kibana's formulas; ` + "`query`" + ` is what chooses the documents of all figures of a panel.
`

func reasons(b *strings.Builder) {
	b.WriteString("\n## Groups of declines\n\n| group | reasons |\n|---|---|\n")
	for _, group := range []catalogue.Group{catalogue.Soft, catalogue.Hard, catalogue.Technical} {
		fmt.Fprintf(b, "| %s | %s |\n", group, strings.Join(catalogue.Reasons[group], ", "))
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
	for _, value := range p.Layer.Metrics {
		fmt.Fprintf(b, "- %s: `%s`%s\n", value.Label, view.Formula(value.Figure), unit(value))
	}
	if text := kql.Text(p.Query); text != "" {
		fmt.Fprintf(b, "- query: `%s`\n", text)
	}
	if p.From != "" {
		fmt.Fprintf(b, "- always shows %s\n", span(p.From, p.To))
	}
	fmt.Fprintf(b, "- fields: %s\n", strings.Join(view.PanelFields(p), ", "))
	if p.Approximate == "" {
		b.WriteString("- exact\n")
	} else {
		fmt.Fprintf(b, "- approximate: %s\n", p.Approximate)
	}
}

// unit is what the figure's formula does not say: its unit, and by what it is divided.
func unit(v view.Value) string {
	said := ""
	if a, ok := v.Figure.(view.Aggregate); ok && a.Per != "" {
		said = ", divided by the time in " + a.Per
	}
	switch v.Format.Kind {
	case view.Money:
		return said + ", in " + v.Format.Unit
	case view.Percent:
		return said + ", in per cent"
	case view.Duration:
		return said + ", in " + v.Format.Unit + ", shown in " + v.Format.As
	}
	return said
}

func divided(bucket view.Bucket) string {
	switch b := bucket.(type) {
	case view.Time:
		return "stretch of time of `" + b.Field + "`, " + b.Interval
	case view.Terms:
		by := "by itself"
		if b.By != nil {
			direction := "largest"
			if b.Ascending {
				direction = "smallest"
			}
			by = "by " + direction + " `" + view.Formula(*b.By) + "`"
		}
		return fmt.Sprintf("%s, value of `%s`, the first %d %s", b.Label, strings.Join(b.Fields, "`, `"), b.Size, by)
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
		return fmt.Sprintf("%s, `%s` %d to %d", b.Label, b.Field, b.First, b.Last)
	case view.Ranges:
		list := make([]string, len(b.Ranges))
		for i, r := range b.Ranges {
			list[i] = r.Label
		}
		return fmt.Sprintf("%s, range of `%s`: %s", b.Label, b.Field, strings.Join(list, " | "))
	}
	return ""
}

var spans = map[string]string{
	"now-15m": "the last 15 minutes", "now-3h": "the last 3 hours", "now-24h": "the last 24 hours", "now-7d": "the last 7 days", "now/d": "today",
}

func span(from, to string) string {
	if to != "" {
		return "the time from " + from + " to " + to
	}
	if said := spans[from]; said != "" {
		return said
	}
	return "the time from " + from
}
