package check

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// shown checks how a chart looks: colours, formats, parts of a whole, and what stands where
// a figure has no value.
func (p panel) shown(view source) []string {
	l := p.Config.Attributes
	return slices.Concat(l.colours(p.Title), l.formats(view), l.stacks(), l.nulls(), l.counts(), l.currencies(), l.extents())
}

// columns are the columns of all layers, by id.
func (l lens) columns() map[string]column {
	all := make(map[string]column)
	for _, layer := range l.State.Sources.FormBased.Layers {
		maps.Copy(all, layer.Columns)
	}
	return all
}

// layersOf returns the layers of a chart with axes that have this type.
func (l lens) layersOf(kind string) []map[string]any {
	list, _ := l.State.Visualization["layers"].([]any)
	var found []map[string]any
	for _, one := range list {
		if layer, ok := one.(map[string]any); ok && layer["layerType"] == kind {
			found = append(found, layer)
		}
	}
	return found
}

// good is the green of all palettes.
const good = "#209280"

// colours checks that every scale of colours says which end is good or more.
func (l lens) colours(title string) []string {
	if l.Kind == "lnsHeatmap" {
		return l.heatmap(title)
	}
	var findings []string
	var walk func(node any)
	walk = func(node any) {
		switch node := node.(type) {
		case map[string]any:
			if scale, ok := node["palette"].(map[string]any); ok {
				findings = append(findings, l.scale(scale)...)
			}
			for _, key := range slices.Sorted(maps.Keys(node)) {
				walk(node[key])
			}
		case []any:
			for _, inner := range node {
				walk(inner)
			}
		}
	}
	walk(l.State.Visualization)
	return slices.Compact(findings)
}

// scale checks a palette of three colours against the words in the description.
func (l lens) scale(palette map[string]any) []string {
	stops := coloursOf(palette)
	switch {
	case len(stops) == 0:
		return []string{"has a scale of colours without colours"}
	case stops[0] == good && !strings.Contains(l.Description, "green below"), stops[len(stops)-1] == good && !strings.Contains(l.Description, "green from"),
		stops[0] != good && stops[len(stops)-1] != good:
		return []string{"has a scale of colours whose good end is not named"}
	}
	return nil
}

// heatmap checks that the colours go from pale to dark, and that the title says what dark is.
func (l lens) heatmap(title string) []string {
	palette, _ := l.State.Visualization["palette"].(map[string]any)
	stops := coloursOf(palette)
	var findings []string
	if len(stops) < 3 || !slices.IsSortedFunc(stops, func(a, b string) int { return brightness(b) - brightness(a) }) {
		findings = append(findings, "has colours that do not go from pale to dark")
	}
	if !strings.Contains(title, "dark: ") {
		findings = append(findings, "has a scale of colours whose good end is not named")
	}
	return findings
}

func coloursOf(palette map[string]any) []string {
	params, _ := palette["params"].(map[string]any)
	list, _ := params["colorStops"].([]any)
	var colours []string
	for _, one := range list {
		stop, _ := one.(map[string]any)
		colour, _ := stop["color"].(string)
		colours = append(colours, colour)
	}
	return colours
}

// brightness is the sum of the three parts of a colour such as #209280.
func brightness(colour string) int {
	n, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 32)
	if err != nil {
		return -1
	}
	return int(n>>16&255 + n>>8&255 + n&255)
}

// formats checks that every value that is shown has a format: groups by their field, and
// figures by themselves.
func (l lens) formats(view source) []string {
	var findings []string
	all := l.columns()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		part := strings.LastIndexByte(id, 'X')
		switch {
		case part > 0 && partName.MatchString(id[part:]), c.Operation == "filters", c.Operation == "range", c.Operation == "date_histogram", c.Operation == "static_value":
		case c.Operation == "terms":
			for _, field := range append([]string{c.SourceField}, c.Params.SecondaryFields...) {
				if finding := view.unformatted(field); finding != "" && !l.hasRoom(id) {
					findings = append(findings, "column "+id+" "+finding)
				}
			}
		case c.DataType == "date":
			if view.Formats[c.SourceField].ID != "date" {
				findings = append(findings, "column "+id+" shows times of "+c.SourceField+", which have no format")
			}
		case c.Params.Format.ID == "":
			findings = append(findings, "column "+id+" has no format")
		}
	}
	return findings
}

// hasRoom reports whether a column of a table is wide enough for whole ids.
func (l lens) hasRoom(id string) bool {
	list, _ := l.State.Visualization["columns"].([]any)
	for _, one := range list {
		shown, _ := one.(map[string]any)
		if pixels, _ := shown["width"].(float64); shown["columnId"] == id && pixels >= idWidth {
			return true
		}
	}
	return false
}

// stacks checks that the parts of every stack add up to the whole: what is not shown by
// itself is in a part with the name Other.
func (l lens) stacks() []string {
	all := l.columns()
	var findings []string
	for _, layer := range l.layersOf("data") {
		series, _ := layer["seriesType"].(string)
		split, _ := layer["splitAccessor"].(string)
		if !strings.Contains(series, "stacked") || split == "" {
			continue
		}
		c := all[split]
		filters := c.Params.Filters
		switch {
		case c.Operation == "terms" && c.Params.OtherBucket:
		case c.Operation == "filters" && len(filters) > 0 && filters[len(filters)-1].Label == "Other":
		default:
			findings = append(findings, "stacks the parts of column "+split+" without Other")
		}
	}
	return findings
}

// nulls checks that the small figure of a tile always has a value, because Kibana writes
// "null" for one that has none.
func (l lens) nulls() []string {
	all := l.columns()
	id, _ := l.State.Visualization["secondaryMetricAccessor"].(string)
	c, exists := all[id]
	if !exists {
		return nil
	}
	fault := "the small figure " + id + " has no value without documents, and Kibana writes null"
	switch c.Operation {
	case "count", "sum", "unique_count":
		if c.Params.EmptyAsNull {
			return []string{fault}
		}
	case "formula":
		if !strings.HasPrefix(c.Params.Formula, "ifelse(") && !strings.HasPrefix(c.Params.Formula, "defaults(") {
			return []string{fault}
		}
		if slices.ContainsFunc(c.References, func(part string) bool { return dividesByNothing(all[part].Params.Tinymath) }) {
			return []string{"the small figure " + id + " divides by a figure that can be 0"}
		}
	default:
		return []string{fault}
	}
	return nil
}

// dividesByNothing reports whether a math tree divides by a figure that is not held above 0.
func dividesByNothing(node any) bool {
	branch, ok := node.(map[string]any)
	if !ok {
		return false
	}
	arguments, _ := branch["args"].([]any)
	if branch["name"] == "divide" && len(arguments) == 2 {
		held, _ := arguments[1].(map[string]any)
		if _, fixed := arguments[1].(float64); !fixed && held["name"] != "pick_max" {
			return true
		}
	}
	return slices.ContainsFunc(arguments, dividesByNothing)
}

// counts checks that no figure without a unit, which is a count, can be below 0.
func (l lens) counts() []string {
	var findings []string
	all := l.columns()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		if c.Operation != "formula" || c.Params.Format.ID != "number" || c.Params.Format.Params.Suffix != "" {
			continue
		}
		if strings.Contains(c.Params.Formula, " - ") && !strings.HasPrefix(c.Params.Formula, "pick_max(") {
			findings = append(findings, "column "+id+" is a count that can be below 0")
		}
	}
	return findings
}

// currencies checks that amounts of different currencies are never added: every sum of an
// amount is of one currency, or is divided by currency.
func (l lens) currencies() []string {
	byCurrency := strings.Contains(l.State.Query.Query, "currency: ")
	all := l.columns()
	for _, c := range all {
		byCurrency = byCurrency || c.Operation == "terms" && c.SourceField == "currency"
	}
	var findings []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		if !byCurrency && c.Operation != "terms" && strings.HasSuffix(c.SourceField, "_minor") && !strings.Contains(c.Filter.Query, "currency: ") {
			findings = append(findings, "column "+id+" adds amounts of different currencies")
		}
	}
	return findings
}

// extents checks that a line of rates fills its axis, and that anything else begins at 0.
func (l lens) extents() []string {
	if l.Kind != "lnsXY" {
		return nil
	}
	extent, _ := l.State.Visualization["yLeftExtent"].(map[string]any)
	all := l.columns()
	var findings []string
	for _, layer := range l.layersOf("data") {
		accessors, _ := layer["accessors"].([]any)
		for _, one := range accessors {
			id, _ := one.(string)
			rate := all[id].Params.Format.ID == "percent" && layer["seriesType"] == "line"
			if rate != (extent["mode"] == "dataBounds") {
				findings = append(findings, fmt.Sprintf("column %s has an axis with the extent %v", id, extent["mode"]))
			}
		}
	}
	return findings
}
