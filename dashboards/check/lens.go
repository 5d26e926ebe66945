package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// lens is a chart by value. A panel of links keeps its links in the same place.
type lens struct {
	Description string
	Kind        string `json:"visualizationType"`
	References  []reference
	Links       []struct{ ID, Label string }
	State       struct {
		Query         text
		Visualization map[string]any
		Sources       struct {
			FormBased struct{ Layers map[string]layer }
		} `json:"datasourceStates"`
	}
}

type layer struct {
	Columns     map[string]column
	ColumnOrder []string
}

type column struct {
	Operation   string `json:"operationType"`
	Label       string
	DataType    string
	SourceField string
	Bucketed    bool `json:"isBucketed"`
	References  []string
	Filter      text
	Params      struct {
		Formula         string
		SecondaryFields []string
		OrderBy         struct{ Type, ColumnID string }
		OrderAgg        *column
		Tinymath        any `json:"tinymathAst"`
		Filters         []struct {
			Label string
			Input text
		}
		OtherBucket bool
		EmptyAsNull bool
		Format      struct {
			ID     string
			Params struct {
				Suffix   string
				Decimals int
			}
		}
	}
}

// check returns the faults of a chart.
func (l lens) check() []string {
	var findings []string
	if len(l.State.Sources.FormBased.Layers) == 0 {
		findings = append(findings, "has no layer")
	}
	for _, id := range slices.Sorted(maps.Keys(l.State.Sources.FormBased.Layers)) {
		layer := l.State.Sources.FormBased.Layers[id]
		findings = append(findings, layer.order()...)
		for _, name := range slices.Sorted(maps.Keys(layer.Columns)) {
			for _, fault := range layer.column(name) {
				findings = append(findings, "column "+name+" "+fault)
			}
		}
	}
	return append(findings, l.accessors()...)
}

// order checks that columnOrder names every column, and that buckets come before
// figures.
func (l layer) order() []string {
	var findings []string
	sorted := slices.Sorted(slices.Values(l.ColumnOrder))
	if !slices.Equal(sorted, slices.Sorted(maps.Keys(l.Columns))) {
		findings = append(findings, fmt.Sprintf("columnOrder %v does not name the columns", l.ColumnOrder))
	}
	figures := false
	for _, id := range l.ColumnOrder {
		if l.Columns[id].Bucketed && figures {
			findings = append(findings, "column "+id+" is a bucket, and stands after a figure")
		}
		figures = figures || !l.Columns[id].Bucketed
	}
	return findings
}

// partName is the suffix that Kibana adds to a formula's id for the id of a part.
var partName = regexp.MustCompile(`^X[0-9]+$`)

func (l layer) column(id string) []string {
	c := l.Columns[id]
	var findings []string
	report := func(format string, args ...any) { findings = append(findings, fmt.Sprintf(format, args...)) }
	for _, r := range c.References {
		if _, exists := l.Columns[r]; !exists {
			report("refers to column %s, which does not exist", r)
		}
	}
	switch c.Operation {
	case "":
		report("has no operation")
	case "formula":
		if len(c.References) != 1 || !l.endsInDocuments(c.References[0], len(l.Columns)) {
			report("is a formula without parts")
		}
		if c.SourceField != "" {
			report("is a formula with a sourceField")
		}
		for _, other := range slices.Sorted(maps.Keys(l.Columns)) {
			if rest, taken := strings.CutPrefix(other, id); taken && other != id && !partName.MatchString(rest) {
				report("is a formula whose id begins the id of column %s: Kibana takes that column for a part of the formula", other)
			}
		}
	case "math":
		if c.SourceField != "" {
			report("is a math column with a sourceField")
		}
		if have := leaves(c.Params.Tinymath); !slices.Equal(have, c.References) {
			report("calculates with %v and refers to %v", have, c.References)
		}
		for _, fault := range misplaced(c.Params.Tinymath, l.formulaOf(id)) {
			report("%s", fault)
		}
	case "terms":
		findings = append(findings, l.ordered(c)...)
	case "filters", "static_value", "moving_average", "cumulative_sum", "overall_sum":
	default:
		if c.SourceField == "" {
			report("has no sourceField")
		}
	}
	return findings
}

// ordered checks what the values of a column are ordered by.
func (l layer) ordered(c column) []string {
	switch by := c.Params.OrderBy; by.Type {
	case "alphabetical":
	case "custom":
		if c.Params.OrderAgg == nil {
			return []string{"is ordered by a figure that does not exist"}
		}
		if c.Params.OrderAgg.Filter.Query != "" {
			return []string{"is ordered by a figure with a filter, which Kibana ignores there"}
		}
	case "column":
		target, exists := l.Columns[by.ColumnID]
		if !exists {
			return []string{"is ordered by column " + by.ColumnID + ", which does not exist"}
		}
		if len(target.References) > 0 || target.Operation == "formula" {
			return []string{"is ordered by column " + by.ColumnID + ", which is a formula"}
		}
	default:
		return []string{"has no order"}
	}
	return nil
}

// endsInDocuments reports whether a part leads to a figure of the documents, in at most
// so many steps.
func (l layer) endsInDocuments(id string, steps int) bool {
	c, exists := l.Columns[id]
	if !exists || steps == 0 {
		return false
	}
	if c.SourceField != "" {
		return true
	}
	return len(c.References) > 0 && !slices.ContainsFunc(c.References, func(r string) bool { return !l.endsInDocuments(r, steps-1) })
}

// formulaOf returns the text of the formula that a part belongs to. The id of a part
// begins with the id of its formula.
func (l layer) formulaOf(part string) string {
	at := strings.LastIndexByte(part, 'X')
	if at < 0 {
		return ""
	}
	return l.Columns[part[:at]].Params.Formula
}

// leaves returns the columns in a math tree, in their order.
func leaves(node any) []string {
	switch node := node.(type) {
	case string:
		return []string{node}
	case map[string]any:
		var ids []string
		arguments, _ := node["args"].([]any)
		for _, argument := range arguments {
			ids = append(ids, leaves(argument)...)
		}
		return ids
	}
	return nil
}

// misplaced returns the nodes of a math tree that do not stand where they say in the
// formula.
func misplaced(node any, formula string) []string {
	branch, ok := node.(map[string]any)
	if !ok {
		return nil
	}
	var place struct {
		Location struct{ Min, Max int }
		Text     string
		Args     []any
	}
	content, err := json.Marshal(branch)
	if err != nil || json.Unmarshal(content, &place) != nil {
		return []string{"has a math tree that cannot be read"}
	}
	var findings []string
	from, to := place.Location.Min, place.Location.Max
	if from < 0 || to > len(formula) || from >= to || formula[from:to] != place.Text {
		findings = append(findings, fmt.Sprintf("says that %q stands at %d to %d of the formula", place.Text, from, to))
	}
	for _, argument := range place.Args {
		findings = append(findings, misplaced(argument, formula)...)
	}
	return findings
}

// accessors checks that a chart draws only columns of its own layers.
func (l lens) accessors() []string {
	var findings []string
	all := make(map[string]bool)
	for _, layer := range l.State.Sources.FormBased.Layers {
		for id := range layer.Columns {
			all[id] = true
		}
	}
	count := 0
	var walk func(key string, node any)
	walk = func(key string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for _, inner := range slices.Sorted(maps.Keys(node)) {
				walk(inner, node[inner])
			}
		case []any:
			for _, inner := range node {
				walk(key, inner)
			}
		case string:
			lower := strings.ToLower(key)
			if strings.HasSuffix(lower, "accessor") || slices.Contains([]string{"accessors", "columnId", "primaryGroups", "metrics"}, key) {
				count++
				if !all[node] {
					findings = append(findings, key+" "+node+" is no column")
				}
			}
			if strings.HasSuffix(lower, "layerid") && node != annotationLayer {
				if _, exists := l.State.Sources.FormBased.Layers[node]; !exists {
					findings = append(findings, key+" "+node+" is no layer")
				}
			}
		}
	}
	walk("", l.State.Visualization)
	if count == 0 {
		findings = append(findings, "draws no column")
	}
	return findings
}
