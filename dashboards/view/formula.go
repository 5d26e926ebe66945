package view

import (
	"strconv"
	"strings"

	"codebank.dev/dashboards/kql"
)

// Span is the place of an expression in the text of a formula, in bytes.
type Span struct{ Min, Max int }

// Formula writes a figure in Kibana's formula language.
func Formula(e Expression) string {
	text, _ := Print(e)
	return text
}

// Print writes a formula and returns the place of each of its expressions. Parts come
// before the expression that contains them, the left part first. The brackets around a
// part do not belong to its span.
func Print(e Expression) (string, []Span) {
	var p printer
	p.print(e)
	return p.text.String(), p.spans
}

type printer struct {
	text  strings.Builder
	spans []Span
}

func (p *printer) print(e Expression) {
	begin := p.text.Len()
	switch e := e.(type) {
	case Aggregate:
		p.text.WriteString(string(e.Function) + "(" + strings.Join(arguments(e), ", ") + ")")
	case Constant:
		p.text.WriteString(strconv.FormatInt(int64(e), 10))
	case Math:
		p.operand(e.Left)
		p.text.WriteString(" " + string(e.Operator) + " ")
		p.operand(e.Right)
	case AtLeast:
		p.call("pick_max", e.Of, e.Floor)
	case OrElse:
		p.call("defaults", e.Of, e.Else)
	case Above:
		p.call("gt", e.Of, e.Bound)
	case If:
		p.call("ifelse", e.Condition, e.Then, e.Else)
	case MovingAverage:
		p.over("moving_average", e.Of, ", window="+strconv.Itoa(e.Window))
	case CumulativeSum:
		p.over("cumulative_sum", e.Of, "")
	case OverallSum:
		p.over("overall_sum", e.Of, "")
	}
	p.spans = append(p.spans, Span{begin, p.text.Len()})
}

// call prints a function of figures.
func (p *printer) call(name string, of ...Expression) {
	p.text.WriteString(name + "(")
	for i, one := range of {
		if i > 0 {
			p.text.WriteString(", ")
		}
		p.print(one)
	}
	p.text.WriteString(")")
}

// over prints a function of a figure over all rows.
func (p *printer) over(name string, of Expression, rest string) {
	p.text.WriteString(name + "(")
	p.print(of)
	p.text.WriteString(rest + ")")
}

func (p *printer) operand(e Expression) {
	if _, nested := e.(Math); !nested {
		p.print(e)
		return
	}
	p.text.WriteString("(")
	p.print(e)
	p.text.WriteString(")")
}

// arguments returns the text between the brackets of an aggregate.
func arguments(a Aggregate) []string {
	var list []string
	if a.Field != "" {
		list = append(list, a.Field)
	}
	if a.Function == Percentile {
		list = append(list, "percentile="+strconv.Itoa(a.Rank))
	}
	if !kql.Empty(a.Filter) {
		list = append(list, "kql="+quoted(kql.Text(a.Filter)))
	}
	if a.Shift != "" {
		list = append(list, "shift="+quoted(a.Shift))
	}
	if a.Within != "" {
		list = append(list, "reducedTimeRange="+quoted(a.Within))
	}
	return list
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `\'`) + "'" }
