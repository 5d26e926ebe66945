// Package svg writes the panels of dashboards as SVG, for pages and for download. A
// picture for a page has no style attribute, no style element and no script, so that a
// strict content security policy allows it: its colours come from classes, which
// charts.css joins with the colours of the page's design. A picture that stands alone has
// its colours as attributes. The package is pure.
package svg

import (
	_ "embed" // for charts.css
	"time"

	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/draw/picture"
	"codebank.dev/dashboards/query"
)

// Options are the size of a picture, and what a chart needs to know besides its figures.
type Options struct {
	// Width and Height are in pixels. A width of 0 is 640. A height of 0 is the height that
	// suits the chart; a height that is too small for the texts is raised.
	Width, Height int
	// Zone is the reader's zone. nil means UTC.
	Zone *time.Location
	// CompleteTo is the time up to which every event is known; intervals that end later are
	// hatched. The zero time means the end of the range.
	CompleteTo time.Time
	// Before is the figures of the same panel over the period before, for the change in
	// tiles. nil shows no change. Period names that period.
	Before *query.Table
	Period string
	// Annotations are vertical lines on an axis of time.
	Annotations []draw.Annotation
	// ID begins the ids of the picture's elements. It is different for each picture of a
	// page. If it is empty, it is the panel's id.
	ID string
	// Heading writes the panel's title into the picture. A picture that stands alone always
	// has it.
	Heading bool
}

// Settings returns the part of the options that package draw reads.
func (o Options) Settings() draw.Settings {
	return draw.Settings{Zone: o.Zone, CompleteTo: o.CompleteTo, Before: o.Before, Period: o.Period, Annotations: o.Annotations}
}

// Panel returns a panel as an svg element for a page. A panel without figures has its
// message in the picture. A table, a text, a list of documents and links are no pictures:
// the result is nil. See draw.TableOf for their cells.
func Panel(result query.Result, o Options) []byte {
	chart := draw.Of(result, o.Settings())
	if !chart.Picture() {
		return nil
	}
	return write(layout(chart, o), page{}, o.id(chart))
}

// Standalone returns a panel as a whole SVG file, with its title and the colours of a
// theme. It is nil where Panel is.
func Standalone(result query.Result, o Options, theme picture.Theme) []byte {
	chart := draw.Of(result, o.Settings())
	if !chart.Picture() {
		return nil
	}
	o.Heading = true
	return write(layout(chart, o), alone{theme}, o.id(chart))
}

func layout(chart draw.Chart, o Options) picture.Picture {
	return picture.New(chart, picture.Size{Width: o.Width, Height: o.Height, Heading: o.Heading})
}

func (o Options) id(chart draw.Chart) string {
	if o.ID != "" {
		return o.ID
	}
	return chart.ID
}

// Stylesheet returns the style sheet of pictures on a page: the colours of series, light
// and dark, and what is shown on hover. It uses the page's own --surface, --surface-raised,
// --text, --text-muted, --line, --accent, --good, --bad, --warn and --info.
func Stylesheet() string { return stylesheet }

//go:embed charts.css
var stylesheet string
