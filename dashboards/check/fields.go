package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/alert"
	"codebank.dev/dashboards/view"
)

// Index holds the fields of each source's documents, by name.
type Index map[view.Source]map[string]Field

// Field is how Elasticsearch stores a field.
type Field struct {
	Type string
	// An Indexed field is searched by its terms or points. A field with Values is
	// searched and aggregated column by column. A field with neither is only shown.
	Indexed, Values bool
}

// fitting lists the types that a field may have for each purpose.
var fitting = map[view.Purpose][]string{
	view.ToCompare:     {"byte", "short", "integer", "long", "date"},
	view.ToGroup:       {"keyword"},
	view.ToCount:       {"keyword"},
	view.ToCalculate:   {"byte", "short", "integer", "long"},
	view.ToRank:        {"byte", "short", "integer", "long", "date"},
	view.ToPlaceInTime: {"date"},
}

// Fields returns every use of a field that the index does not have, or has with a type
// that does not fit. Each finding names the dashboard and the panel or control.
func Fields(boards []view.Dashboard, views []view.DataView, index Index) []string {
	var findings []string
	use := func(place string, source view.Source, used view.Use) {
		if finding := index.misses(place, source, used); finding != "" {
			findings = append(findings, finding)
		}
	}
	for _, v := range views {
		place := "data view " + string(v.Source)
		use(place, v.Source, view.Use{Field: v.TimeField, For: view.ToPlaceInTime})
		for _, fields := range [][]string{
			slices.Collect(maps.Keys(v.Formats)), slices.Collect(maps.Keys(v.Labels)), slices.Collect(maps.Keys(v.Words)), slices.Collect(maps.Keys(v.Colours)),
		} {
			for _, field := range fields {
				use(place, v.Source, view.Use{Field: field, For: view.ToList})
			}
		}
		for _, field := range v.Amounts {
			use(place, v.Source, view.Use{Field: field, For: view.ToCalculate})
		}
	}
	for _, b := range boards {
		for _, c := range b.Controls {
			place := "dashboard " + b.ID + " control " + c.ID
			switch c.Kind {
			case view.Options:
				use(place, c.Source, view.Use{Field: c.Field, For: view.ToGroup})
			case view.Slider:
				use(place, c.Source, view.Use{Field: c.Field, For: view.ToCalculate})
			}
		}
		for _, p := range b.Panels {
			for _, used := range view.Uses(p) {
				use("dashboard "+b.ID+" panel "+p.ID, p.Source, used)
			}
		}
	}
	slices.Sort(findings)
	return slices.Compact(findings)
}

// RuleFields checks alert rules in the same way as Fields.
func RuleFields(rules []alert.Rule, index Index) []string {
	var findings []string
	for _, rule := range rules {
		for _, used := range rule.Uses() {
			if finding := index.misses("rule "+rule.ID, rule.Source, used); finding != "" {
				findings = append(findings, finding)
			}
		}
	}
	return findings
}

// misses returns what is wrong with a use of a field. It is empty if the field exists
// and fits.
func (i Index) misses(place string, source view.Source, used view.Use) string {
	have, exists := i[source][used.Field]
	types := fitting[used.For]
	switch {
	case !exists:
		return fmt.Sprintf("%s: %s has no field %s, which is needed for %s", place, source, used.Field, used.For)
	case types != nil && !slices.Contains(types, have.Type):
		return fmt.Sprintf("%s: field %s of %s has type %s, which does not fit %s", place, used.Field, source, have.Type, used.For)
	case !have.serves(used.For):
		return fmt.Sprintf("%s: field %s of %s is not mapped for %s", place, used.Field, source, used.For)
	}
	return ""
}

// serves reports whether the field is stored in a way that fits a purpose.
func (f Field) serves(purpose view.Purpose) bool {
	switch purpose {
	case view.ToList:
		return true
	case view.ToSearch, view.ToCompare:
		return f.Indexed || f.Values
	default:
		return f.Values
	}
}

// Named returns the fields that saved objects name, by source and place. Fields reads
// them from the model; Named reads them from the files.
func Named(objects []dashboards.Object) (map[view.Source]map[string][]string, error) {
	named := map[view.Source]map[string][]string{}
	known := make(sources)
	for _, object := range objects {
		known.add(object)
	}
	for _, object := range objects {
		if object.Type != "dashboard" {
			continue
		}
		var b board
		if err := json.Unmarshal(object.Body, &b); err != nil {
			return nil, fmt.Errorf("check: %s: %w", object.ID, err)
		}
		note := func(source, place string, fields ...string) {
			for _, field := range fields {
				if _, runtime := known[source].Runtime[field]; runtime {
					field += "_minor" // a runtime field shows an amount in major units
				}
				of := view.Source(source)
				if named[of] == nil {
					named[of] = map[string][]string{}
				}
				named[of][field] = append(named[of][field], "dashboard "+object.ID+" "+place)
			}
		}
		for id, control := range b.Attributes.Controls.Panels {
			if control.Input.FieldName != "" {
				note(b.source("controlGroup_"+id+":"), "control "+id, control.Input.FieldName)
			}
		}
		for _, p := range b.Attributes.Panels {
			if p.Type == "lens" {
				note(b.source(p.Index+":"+layerReference), "panel "+p.Index, p.Config.Attributes.fields()...)
			}
		}
	}
	return named, nil
}

// source returns the data view of the first reference whose name begins with the
// prefix.
func (b board) source(prefix string) string {
	for _, r := range b.References {
		if strings.HasPrefix(r.Name, prefix) {
			return r.ID
		}
	}
	return ""
}

// fields returns the names of all fields that a chart reads.
func (l lens) fields() []string {
	names := queried(l.State.Query.Query)
	for _, layer := range l.State.Sources.FormBased.Layers {
		for _, c := range layer.Columns {
			names = append(names, c.fields()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (c column) fields() []string {
	names := append(queried(c.Filter.Query), c.Params.SecondaryFields...)
	if c.SourceField != "" && c.SourceField != "___records___" {
		names = append(names, c.SourceField)
	}
	for _, filter := range c.Params.Filters {
		names = append(names, queried(filter.Input.Query)...)
	}
	if c.Params.OrderAgg != nil {
		names = append(names, c.Params.OrderAgg.fields()...)
	}
	return names
}

var (
	quotedText = regexp.MustCompile(`"(\\.|[^"\\])*"`)
	fieldName  = regexp.MustCompile(`([A-Za-z_][A-Za-z0-9_.]*)\s*(:|<=?|>=?)`)
)

// queried returns the fields in the text of a query: the words outside of quotes that
// stand before a colon or a comparison.
func queried(query string) []string {
	var names []string
	for _, match := range fieldName.FindAllStringSubmatch(quotedText.ReplaceAllString(query, `""`), -1) {
		names = append(names, match[1])
	}
	return names
}
