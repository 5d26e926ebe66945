package check

import (
	"fmt"
	"slices"
	"strings"

	"codebank.dev/dashboards/width"
)

const (
	// idWidth is the width in pixels of a column that shows whole ids.
	idWidth = 310
	// ownRange is the width of the badge of a panel with its own range of time, and icon that of the
	// mark of a description.
	ownRange, icon = 130, 24
	// above is the height of the title of a chart, below that of its horizontal axis.
	above, below = 36, 40
	// cellEdges are the edges of a cell of a table, linkEdges those of a link.
	cellEdges, linkEdges = 16, 40
)

// fits checks that the texts of a panel have room on a screen of 1280 pixels, by their
// approximate widths.
func (p panel) fits(view source) []string {
	room := width.Panel(p.Grid.W)
	var findings []string
	within := func(what, text string, needed, room int) {
		if needed > room {
			findings = append(findings, fmt.Sprintf("%s %q is cut at 1280 pixels: it needs %d pixels and has %d", what, text, needed, room))
		}
	}
	if !p.Config.HideTitle {
		left := room - icon
		if p.Config.TimeRange != nil {
			left -= ownRange
		}
		within("title", p.Title, width.Bold(p.Title, width.Title), left)
	}
	if p.Type == "links" {
		needed := 0
		for _, link := range p.Config.Attributes.Links {
			needed += width.Text(link.Label, width.Cell) + linkEdges
		}
		within("row of links", p.Title, needed, room)
	}
	if text := p.Config.SavedVis.Params.Markdown; text != "" && p.Grid.H <= 2 {
		within("text", text, width.Text(text, width.Legend), room)
	}
	switch p.Config.Attributes.Kind {
	case "lnsMetric":
		p.tile(view, within)
	case "lnsXY":
		p.axis(within)
		p.legend(view, within)
	case "lnsDatatable":
		p.headings(within)
	}
	return findings
}

// cut reports a text that needs more pixels than it has.
type cut func(what, text string, needed, room int)

// tile checks the name, the figure and the small figure of a tile.
func (p panel) tile(view source, within cut) {
	l := p.Config.Attributes
	all := l.columns()
	room := width.Panel(p.Grid.W)
	id, _ := l.State.Visualization["metricAccessor"].(string)
	within("name", all[id].Label, width.Bold(all[id].Label, width.TileTitle), room)
	figure, unit := all[id].sample(view)
	within("figure", figure+unit, width.Text(figure, width.TileFigure)+width.Text(unit, width.TileFigure*2/3), room)
	if small, _ := l.State.Visualization["secondaryMetricAccessor"].(string); small != "" {
		prefix, _ := l.State.Visualization["secondaryPrefix"].(string)
		figure, unit := all[small].sample(view)
		within("small figure", prefix, width.Text(prefix+" "+figure+unit, width.TileExtra), room)
	}
}

// sample is a figure that is as long as figures get, and its unit.
func (c column) sample(view source) (figure, unit string) {
	fraction := ""
	if decimals := c.Params.Format.Params.Decimals; decimals > 0 {
		fraction = "." + strings.Repeat("0", decimals)
	}
	switch {
	case c.DataType == "date":
		return strings.NewReplacer("YYYY", "2000", "MMM", "Nov", "D", "30", "HH", "00", "mm", "00", "ss", "00").Replace(view.Formats[c.SourceField].Params.Pattern), ""
	case c.Params.Format.ID == "percent":
		return "-100" + fraction, "%" + c.Params.Format.Params.Suffix
	case c.Params.Format.ID == "duration":
		return "9,000" + fraction, " ms"
	case fraction != "":
		return "9,000" + fraction, c.Params.Format.Params.Suffix
	}
	return "99,000,000", c.Params.Format.Params.Suffix
}

// axis checks that the axis of the figures has a title, with room beside the chart.
func (p panel) axis(within cut) {
	visual := p.Config.Attributes.State.Visualization
	title, _ := visual["yTitle"].(string)
	room := width.Height(p.Grid.H) - above - below
	if visual["preferredSeriesType"] == "bar_horizontal" {
		room = width.Panel(p.Grid.W) / 2
	}
	if title == "" {
		within("axis", "without a title", 1, 0)
	}
	within("axis", title, width.Bold(title, width.Axis), room)
}

// legend checks that the names in the legend that are known have room.
func (p panel) legend(view source, within cut) {
	l := p.Config.Attributes
	shown, _ := l.State.Visualization["legend"].(map[string]any)
	if shown["isVisible"] != true {
		return
	}
	room := 0
	for _, size := range width.LegendSizes {
		if size.Name == shown["legendSize"] {
			room = size.Room()
		}
	}
	all := l.columns()
	for _, layer := range l.layersOf("data") {
		accessors, _ := layer["accessors"].([]any)
		var names []string
		for _, one := range accessors {
			if id, _ := one.(string); len(accessors) > 1 {
				names = append(names, all[id].Label)
			}
		}
		split, _ := layer["splitAccessor"].(string)
		for _, filter := range all[split].Params.Filters {
			names = append(names, filter.Label)
		}
		names = append(names, view.words(all[split].SourceField)...)
		for _, name := range names {
			within("legend", name, width.Text(name, width.Legend), room)
		}
	}
}

// headings checks that the headings of a table have room. Columns without a width share
// what the others leave.
func (p panel) headings(within cut) {
	l := p.Config.Attributes
	all := l.columns()
	list, _ := l.State.Visualization["columns"].([]any)
	left, sharing := width.Panel(p.Grid.W), []string{}
	for _, one := range list {
		shown, _ := one.(map[string]any)
		id, _ := shown["columnId"].(string)
		if pixels, _ := shown["width"].(float64); pixels > 0 {
			left -= int(pixels)
			continue
		}
		sharing = append(sharing, id)
	}
	for _, id := range slices.Sorted(slices.Values(sharing)) {
		within("heading", all[id].Label, width.Bold(all[id].Label, width.Cell)+cellEdges, left/len(sharing))
	}
}
