package draw

import (
	"fmt"
	"strings"
)

// summary says in words what a chart shows.
func summary(c Chart) string {
	switch c.Kind {
	case Tiles:
		var parts []string
		for _, tile := range c.Tiles {
			text := strings.TrimSpace(tile.Name + " " + tile.Figure)
			for _, small := range tile.Small {
				text += ", " + small.Label + " " + small.Figure
			}
			if tile.Change != nil {
				text += ", " + tile.Change.Word + " " + tile.Change.Figure + " on " + tile.Change.Period
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, "; ")
	case Plot:
		return plotSummary(c.Plot)
	case Bars:
		var parts []string
		for _, row := range c.Bars.Rows {
			for _, bar := range row.Bars {
				parts = append(parts, row.Name+" "+bar.Text)
			}
		}
		return some(parts)
	case Donut:
		var parts []string
		for _, slice := range c.Donut.Slices {
			parts = append(parts, strings.TrimSpace(slice.Name+" "+slice.Text+" "+slice.Share))
		}
		return some(parts)
	case Heat:
		return fmt.Sprintf("%s by %s, from %s to %s", c.Heat.DownLabel, c.Heat.AcrossLabel, c.Heat.Lowest, c.Heat.Highest)
	case Gauge:
		return c.Gauge.Figure + ", " + c.Gauge.GoalText
	}
	return c.Message
}

// some joins the first parts, and says how many more there are.
func some(parts []string) string {
	const most = 8
	if len(parts) > most {
		return strings.Join(parts[:most], "; ") + fmt.Sprintf("; and %d more", len(parts)-most)
	}
	return strings.Join(parts, "; ")
}

func plotSummary(p PlotChart) string {
	var parts []string
	if n := len(p.X.Names); p.X.Time && n > 0 {
		parts = append(parts, fmt.Sprintf("%s to %s, %s", p.X.Names[0], p.X.Names[n-1], p.X.Zone))
	}
	for _, s := range p.Series {
		low, high := -1, -1
		for i, value := range s.Values {
			if value != nil && (low < 0 || *value < *s.Values[low]) {
				low = i
			}
			if value != nil && (high < 0 || *value > *s.Values[high]) {
				high = i
			}
		}
		if low < 0 {
			parts = append(parts, s.Name+": no figures")
			continue
		}
		text := fmt.Sprintf("%s: lowest %s, highest %s", s.Name, s.Texts[low], s.Texts[high])
		if n := len(s.Values); p.X.Time {
			text += ", last " + s.Texts[n-1]
		}
		parts = append(parts, text)
	}
	text := some(parts)
	if marked := p.X.markedText(); marked != "" {
		text += "; " + marked
	}
	return text
}
