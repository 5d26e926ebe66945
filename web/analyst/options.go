package analyst

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// filter is a control of the form.
type filter struct {
	ID, Title string
	Options   []option
	Slider    bool
	From, To  string
	// Step is the smallest difference between two values of a slider.
	Step string
	// Missing says why there are no options.
	Missing string
	Chosen  int
}

// option is one value of a filter or of a list.
type option struct {
	Value, Text, Count string
	Chosen             bool
}

// hidden is a parameter that the form keeps.
type hidden struct{ Name, Value string }

// chip is a filter that is set, with the link that removes it.
type chip struct{ Title, Text, Link string }

func (h *handler) filtersOf(s *state, f *figures) []filter {
	var list []filter
	for _, control := range s.board.Controls {
		one := filter{ID: control.ID, Title: control.Title}
		switch control.Kind {
		case view.Slider:
			one.Slider = true
			one.From, one.To = s.boundText(control, fromSuffix), s.boundText(control, toSuffix)
			if one.Step = "1"; isAmount(control) {
				one.Step = "0.01"
			}
		case view.Options:
			one.Chosen = len(s.chosen[control.ID])
			one.Options, one.Missing = h.optionsOf(s, control, f)
		default:
			continue // The range above every dashboard does what a time slider does.
		}
		list = append(list, one)
	}
	return list
}

// optionsOf returns the values of a filter that the index has, and those that are chosen.
func (h *handler) optionsOf(s *state, control view.Control, f *figures) (options []option, missing string) {
	result, known := f.options[control.ID]
	if !known || result.Err != nil {
		missing = "The values could not be read."
	}
	for _, row := range result.Table.Rows {
		value := row.Keys[0].Text
		options = append(options, option{
			Value: value, Text: row.Keys[0].Name(), Count: draw.Figure(row.Values[0], result.Table.Metrics[0].Format),
			Chosen: slices.Contains(s.chosen[control.ID], value),
		})
	}
	for _, value := range s.chosen[control.ID] {
		if !slices.ContainsFunc(options, func(o option) bool { return o.Value == value }) {
			options = append(options, option{Value: value, Text: h.word(control, value), Count: "0", Chosen: true})
		}
	}
	if len(options) == 0 && missing == "" {
		missing = "No event in this range has a value."
	}
	return options, missing
}

func (h *handler) chipsOf(s *state, path string) []chip {
	var list []chip
	for _, control := range s.board.Controls {
		for _, value := range s.chosen[control.ID] {
			list = append(list, chip{control.Title, h.word(control, value), s.link(path, without(control.ID, value))})
		}
		from, to := s.boundText(control, fromSuffix), s.boundText(control, toSuffix)
		if from == "" && to == "" {
			continue
		}
		text := strings.TrimSpace("from " + from + " to " + to)
		switch {
		case from == "":
			text = "up to " + to
		case to == "":
			text = "from " + from
		}
		list = append(list, chip{control.Title, text, s.link(path, with(control.ID+fromSuffix, ""), with(control.ID+toSuffix, ""))})
	}
	return list
}

// word returns a value of a filter in words.
func (h *handler) word(control view.Control, value string) string {
	return cmp.Or(query.Readable(value), h.viewOf(control.Source).Words.Of(control.Field, value))
}

// viewOf returns the data view of a source.
func (h *handler) viewOf(source view.Source) view.DataView {
	for _, one := range h.views {
		if one.Source == source {
			return one
		}
	}
	return view.DataView{}
}

// onlyRange removes all filters.
func onlyRange(values url.Values) {
	for name := range values {
		switch name {
		case fromParameter, toParameter, zoneParameter, themeParameter:
		default:
			values.Del(name)
		}
	}
}

// rangeParameters are the parameters of the form for the range; the form of the filters has
// the others.
var rangeParameters = []string{fromParameter, toParameter, zoneParameter}

// hiddenOf returns the parameters that a form keeps although it has no field for them.
func hiddenOf(s *state, keep func(name string) bool) []hidden {
	var list []hidden
	values := s.values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			if keep(name) {
				list = append(list, hidden{name, value})
			}
		}
	}
	return list
}

func isRange(name string) bool { return slices.Contains(rangeParameters, name) }

// zoneOptions are the time zones that the form offers. A module adds the reader's own.
func zoneOptions(s *state) []option {
	names := []string{"UTC", "America/Sao_Paulo", "America/Manaus", "America/New_York", "Europe/Lisbon", "Europe/Berlin"}
	if !slices.Contains(names, s.zone.String()) {
		names = append(names, s.zone.String())
	}
	var list []option
	for _, name := range names {
		list = append(list, option{Value: name, Text: name, Chosen: name == s.zone.String()})
	}
	return list
}
