package saved

import (
	"slices"
	"strconv"

	"codebank.dev/dashboards/view"
)

// formula adds a metric that is a formula, and the parts from which Kibana calculates
// it. Kibana draws nothing for a formula that is text alone.
func (c *columns) formula(id string, value view.Value) {
	text, spans := view.Print(value.Figure)
	p := parts{columns: c, id: id, label: "Part of " + value.Label, text: text, spans: spans}
	p.asColumn(p.of(value.Figure))

	made := column("formula", value.Label, "number", "ratio")
	made["params"] = object{"formula": text, "isFormulaBroken": false, "format": format(value.Format)}
	made["references"] = []string{id + "X" + strconv.Itoa(p.count-1)}
	c.byID[id] = made
}

// parts makes the columns behind one formula. Their order is that of Kibana's own
// parser: arguments before the function that takes them.
type parts struct {
	columns *columns
	id      string
	label   string
	text    string
	spans   []view.Span
	next    int // the span of the expression that ends next
	count   int
}

// of returns the value that an expression has for the expression around it: the id of a
// column, a number, or a node of Kibana's math tree.
func (p *parts) of(e view.Expression) any {
	var made any
	switch e := e.(type) {
	case view.Aggregate:
		made = p.add(aggregateColumn(e, p.label))
	case view.Constant:
		made = int64(e)
	case view.Math:
		made = p.function(mathNames[e.Operator], p.of(e.Left), p.of(e.Right))
	case view.AtLeast:
		made = p.function("pick_max", p.of(e.Of), p.of(e.Floor))
	case view.OrElse:
		made = p.function("defaults", p.of(e.Of), p.of(e.Else))
	case view.Above:
		made = p.function("gt", p.of(e.Of), p.of(e.Bound))
	case view.If:
		made = p.function("ifelse", p.of(e.Condition), p.of(e.Then), p.of(e.Else))
	case view.MovingAverage:
		made = p.over("moving_average", e.Of, object{"window": e.Window})
	case view.CumulativeSum:
		made = p.over("cumulative_sum", e.Of, object{})
	case view.OverallSum:
		made = p.over("overall_sum", e.Of, object{})
	}
	p.next++
	return made
}

// function is a node of Kibana's math tree. The span that comes next is its own, because
// the spans of its arguments end before.
func (p *parts) function(name string, arguments ...any) object {
	span := p.spans[p.next]
	return object{
		"type": "function", "name": name, "args": arguments,
		"location": object{"min": span.Min, "max": span.Max}, "text": p.text[span.Min:span.Max],
	}
}

var mathNames = map[view.Operator]string{
	view.Plus: "add", view.Minus: "subtract", view.Times: "multiply", view.Divide: "divide",
}

// over adds an operation on the column of another expression.
func (p *parts) over(operation string, of view.Expression, params object) string {
	inner := p.asColumn(p.of(of))
	made := column(operation, p.label, "number", "ratio")
	made["references"] = []string{inner}
	made["params"] = params
	return p.add(made)
}

// asColumn returns the id of the column that holds a part. A math tree gets a new
// column.
func (p *parts) asColumn(part any) string {
	if id, ok := part.(string); ok {
		return id
	}
	made := column("math", p.label, "number", "ratio")
	made["params"] = object{"tinymathAst": part}
	made["references"] = variables(part)
	return p.add(made)
}

func (p *parts) add(column object) string {
	id := p.id + "X" + strconv.Itoa(p.count)
	p.count++
	p.columns.byID[id] = column
	p.columns.parts = append(p.columns.parts, id)
	return id
}

// variables returns the ids of the columns in a math tree, in their order.
func variables(node any) []string {
	switch node := node.(type) {
	case string:
		return []string{node}
	case object:
		var ids []string
		for _, argument := range node["args"].([]any) {
			ids = append(ids, variables(argument)...)
		}
		return ids
	}
	return []string{}
}

// orZero is a figure that is 0 where a divisor is 0. Kibana writes "null" for a small
// figure without a value, and it drops a whole formula that divides by 0. The terminal
// and our pages show such a figure as a dash, so the figure itself stays as it is.
func orZero(e view.Expression) view.Expression {
	var divisors []view.Expression
	safe := divided(e, &divisors)
	if a, single := e.(view.Aggregate); single && !alwaysThere(a) {
		return view.OrElse{Of: a}
	}
	if len(divisors) == 0 {
		return e
	}
	all := divisors[0]
	for _, one := range divisors[1:] {
		all = view.Math{Operator: view.Times, Left: all, Right: one}
	}
	return view.If{Condition: view.Above{Of: all}, Then: safe, Else: view.Constant(0)}
}

// alwaysThere reports whether an aggregate has a value without documents too.
func alwaysThere(a view.Aggregate) bool {
	return a.Function == view.Count || a.Function == view.Sum || a.Function == view.Unique
}

// divided replaces every divisor by one that is at least 1, and collects the divisors.
// They are counts and sums of minor units, which are whole numbers.
func divided(e view.Expression, divisors *[]view.Expression) view.Expression {
	m, ok := e.(view.Math)
	if !ok {
		return e
	}
	m.Left, m.Right = divided(m.Left, divisors), divided(m.Right, divisors)
	if _, fixed := m.Right.(view.Constant); m.Operator != view.Divide || fixed {
		return m
	}
	if !slices.ContainsFunc(*divisors, func(one view.Expression) bool { return view.Formula(one) == view.Formula(m.Right) }) {
		*divisors = append(*divisors, m.Right)
	}
	m.Right = view.AtLeast{Of: m.Right, Floor: 1}
	return m
}
