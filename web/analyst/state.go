package analyst

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/platform/fault"
	"codebank.dev/web/design"
)

// Bounds of what a URL may say.
const (
	maxValues      = 20  // of one filter
	maxValueBytes  = 200 // of one value
	maxMomentBytes = 40
	maxZoneBytes   = 64
	maxRange       = 20 * 366 * 24 * time.Hour
)

// The names of the parameters that every dashboard has. A control's parameter is its id; a
// slider has two, its id with -from and with -to.
const (
	fromParameter  = "from"
	toParameter    = "to"
	zoneParameter  = "zone"
	themeParameter = "theme"
	fromSuffix     = "-from"
	toSuffix       = "-to"
)

// state is what a URL says: which dashboard, over which range, with which filters, and how
// it is shown.
type state struct {
	board view.Dashboard
	// from and to are the range as the URL has it. Both are empty for the dashboard's own.
	from, to string
	zone     *time.Location
	theme    design.Theme
	// chosen are the values of the filters, by the id of the control.
	chosen map[string][]string
	// bounds are the bounds of the sliders in the units of the index, by parameter. A missing
	// one is open.
	bounds map[string]int64
}

// parseState reads the parameters of a URL. An error is a fault that names the parameter.
// more are further parameters that the page has.
func parseState(board view.Dashboard, values url.Values, more ...string) (*state, error) {
	s := &state{board: board, zone: time.UTC, chosen: map[string][]string{}, bounds: map[string]int64{}}
	known := append([]string{fromParameter, toParameter, zoneParameter, themeParameter}, more...)
	for _, control := range board.Controls {
		var err error
		switch control.Kind {
		case view.Options:
			known = append(known, control.ID)
			err = s.takeOptions(control, values[control.ID])
		case view.Slider:
			known = append(known, control.ID+fromSuffix, control.ID+toSuffix)
			err = s.takeSlider(control, values)
		}
		if err != nil {
			return nil, err
		}
	}
	for name, given := range values {
		if !slices.Contains(known, name) {
			return nil, fault.Invalid(shortened(name), "This page has no such parameter.")
		}
		if len(given) > 1 && !isOptions(board, name) {
			return nil, fault.Invalid(name, "Give it once.")
		}
	}
	if err := s.takeZone(values.Get(zoneParameter)); err != nil {
		return nil, err
	}
	switch theme := design.Theme(values.Get(themeParameter)); theme {
	case design.Auto, design.Light, design.Dark:
		s.theme = theme
	default:
		return nil, fault.Invalid(themeParameter, "It is light, dark or empty.")
	}
	return s, s.takeRange(values)
}

func isOptions(board view.Dashboard, name string) bool {
	return slices.ContainsFunc(board.Controls, func(c view.Control) bool { return c.Kind == view.Options && c.ID == name })
}

// shortened makes a foreign text fit to be shown.
func shortened(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) > 40 {
		text = string([]rune(text)[:40]) + "…"
	}
	return text
}

func (s *state) takeOptions(control view.Control, given []string) error {
	for _, value := range given {
		switch {
		case value == "" || slices.Contains(s.chosen[control.ID], value):
			continue
		case len(value) > maxValueBytes:
			return fault.Invalid(control.ID, fmt.Sprintf("A value is longer than %d bytes.", maxValueBytes))
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return fault.Invalid(control.ID, "A value has characters that no name has.")
		}
		s.chosen[control.ID] = append(s.chosen[control.ID], value)
	}
	if len(s.chosen[control.ID]) > maxValues {
		return fault.Invalid(control.ID, fmt.Sprintf("Choose at most %d values.", maxValues))
	}
	return nil
}

func (s *state) takeZone(name string) error {
	if name == "" {
		return nil
	}
	wrong := fault.Invalid(zoneParameter, "It is not a time zone such as America/Sao_Paulo or UTC.")
	if len(name) > maxZoneBytes || name == "Local" {
		return wrong
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return wrong
	}
	s.zone = zone
	return nil
}

// takeRange reads from and to. A moment of a form has no zone and is one of the page's zone.
func (s *state) takeRange(values url.Values) error {
	for _, name := range []string{fromParameter, toParameter} {
		text := values.Get(name)
		if len(text) > maxMomentBytes {
			return fault.Invalid(name, fmt.Sprintf("It is longer than %d bytes.", maxMomentBytes))
		}
		for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if moment, err := time.ParseInLocation(layout, text, s.zone); err == nil {
				text = moment.UTC().Format(time.RFC3339)
			}
		}
		if text == "" {
			continue
		}
		if _, err := query.ParseMoment(text, time.Unix(1<<31, 0)); err != nil {
			return fault.Invalid(name, "It is not a moment: write now-24h, now/d, 2026-01-02 or 2026-01-02T03:04:05Z.")
		}
		if name == fromParameter {
			s.from = text
		} else {
			s.to = text
		}
	}
	return nil
}

// span returns the range of time at a moment.
func (s *state) span(now time.Time) (query.Range, error) {
	from, to := s.from, s.to
	if to == "" {
		to = "now"
	}
	if from == "" {
		end, err := query.ParseMoment(to, now)
		if err != nil {
			return query.Range{}, fault.Invalid(toParameter, "It is not a moment.")
		}
		span, err := query.Since(s.board, end)
		if err != nil {
			return query.Range{}, fault.Invalid(toParameter, "The dashboard's own range before it has no time. Give from, too.").Wrap(err)
		}
		return span, nil
	}
	span, err := query.Between(from, to, now)
	if err != nil {
		return query.Range{}, fault.Invalid(fromParameter, "It is not before the end of the range.").Wrap(err)
	}
	if span.To.Sub(span.From) > maxRange {
		return query.Range{}, fault.Invalid(fromParameter, "The range is longer than 20 years.")
	}
	return span, nil
}

// moving reports whether the range ends now, so that new events change its figures.
func (s *state) moving() bool { return s.to == "" || s.to == "now" }

// filter returns the condition that the filters make, without those of one control.
func (s *state) filter(without string) kql.And {
	var all kql.And
	for _, control := range s.board.Controls {
		if control.ID == without {
			continue
		}
		if values := s.chosen[control.ID]; len(values) > 0 {
			all = append(all, kql.OneOf{Field: control.Field, Values: values})
		}
		if from, is := s.bounds[control.ID+fromSuffix]; is {
			all = append(all, bounded(control, kql.GreaterOrEqual, from))
		}
		if to, is := s.bounds[control.ID+toSuffix]; is {
			all = append(all, bounded(control, kql.LessOrEqual, to))
		}
	}
	return all
}

// filtered returns a panel with the filters of the URL.
func (s *state) filtered(panel view.Panel) view.Panel {
	filter := s.filter("")
	if panel.Unfiltered || panel.Source != view.Transactions || kql.Empty(filter) {
		return panel
	}
	panel.Query = append(filter, panel.Query)
	return panel
}

// values returns the parameters of the URL, without those that say nothing.
func (s *state) values() url.Values {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	set(fromParameter, s.from)
	set(toParameter, s.to)
	if s.zone != time.UTC {
		set(zoneParameter, s.zone.String())
	}
	set(themeParameter, string(s.theme))
	for id, chosen := range s.chosen {
		values[id] = slices.Clone(chosen)
	}
	for _, control := range s.board.Controls {
		set(control.ID+fromSuffix, s.boundText(control, fromSuffix))
		set(control.ID+toSuffix, s.boundText(control, toSuffix))
	}
	return values
}

// link returns a path with the parameters, after changes to them.
func (s *state) link(path string, changes ...func(url.Values)) string {
	values := s.values()
	for _, change := range changes {
		change(values)
	}
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// with sets a parameter; an empty value removes it.
func with(name, value string) func(url.Values) {
	return func(values url.Values) {
		values.Del(name)
		if value != "" {
			values.Set(name, value)
		}
	}
}

// without removes one value of a parameter.
func without(name, value string) func(url.Values) {
	return func(values url.Values) {
		left := slices.DeleteFunc(slices.Clone(values[name]), func(v string) bool { return v == value })
		values.Del(name)
		if len(left) > 0 {
			values[name] = left
		}
	}
}
