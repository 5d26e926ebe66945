package saved

import (
	"maps"
	"slices"

	"codebank.dev/dashboards/view"
)

// hex has a colour for each role. They are readable in both of Kibana's themes.
var hex = map[view.Colour]string{
	view.Good: "#209280", view.Warning: "#d6bf57", view.Bad: "#cc5642", view.Quiet: "#98a2b3",
	view.First: "#6092c0", view.Second: "#da8b45", view.Third: "#9170b8", view.Fourth: "#d36086",
	view.Fifth: "#b9a888", view.Sixth: "#aa6556", view.Seventh: "#ca8eae", view.Eighth: "#4a6fa5",
}

// palette returns three colours: below, between and above the two bounds.
func palette(thresholds view.Thresholds) object {
	colours := []string{hex[view.Good], hex[view.Warning], hex[view.Bad]}
	if thresholds.RisingIsGood {
		slices.Reverse(colours)
	}
	beyond := 2*thresholds.Second - thresholds.First
	return object{"type": "palette", "name": "custom", "params": object{
		"name": "custom", "rangeType": "number", "rangeMin": nil, "rangeMax": nil, "progression": "fixed", "continuity": "all",
		"reverse": false, "steps": 3, "maxSteps": 5,
		// The end of each colour, and its start.
		"stops": []object{
			{"color": colours[0], "stop": thresholds.First}, {"color": colours[1], "stop": thresholds.Second}, {"color": colours[2], "stop": beyond},
		},
		"colorStops": []object{
			{"color": colours[0], "stop": nil}, {"color": colours[1], "stop": thresholds.First}, {"color": colours[2], "stop": thresholds.Second},
		},
	}}
}

// pale has five shades of a hue, from pale to dark.
var pale = map[view.Colour][]string{
	view.Good:  {"#dff2ee", "#a8dccf", "#70c3b0", "#3fa894", "#1b7f6f"},
	view.First: {"#e3edf6", "#b9d1e6", "#8fb5d6", "#6798c4", "#3a6ea0"},
}

// shades returns the palette of a heatmap. Dark is the upper end, in equal parts of the
// range of the figures.
func shades(shade view.Shade, accessor string) object {
	var stops, starts []object
	for i, colour := range pale[shade.Colour] {
		stops = append(stops, object{"color": colour, "stop": 20 * (i + 1)})
		starts = append(starts, object{"color": colour, "stop": 20 * i})
	}
	return object{"type": "palette", "name": "custom", "accessor": accessor, "params": object{
		"name": "custom", "rangeType": "percent", "rangeMin": 0, "rangeMax": 100, "progression": "fixed", "continuity": "all",
		"reverse": false, "steps": len(stops), "maxSteps": len(stops), "stops": stops, "colorStops": starts,
	}}
}

// mapping gives the values of a bucket their colours. All other values are grey. It is nil
// if the values have no colours. The form is that of Kibana 8.11 and 8.12; later versions
// migrate it.
func (l *lens) mapping(bucket view.Bucket) object {
	var assignments []object
	assign := func(value string, colour view.Colour) {
		assignments = append(assignments, object{
			"rule":  object{"type": "matchExactly", "values": []string{value}},
			"color": object{"type": "colorCode", "colorCode": hex[colour]}, "touched": true,
		})
	}
	switch b := bucket.(type) {
	case view.Terms:
		of := l.source.Colours[b.Fields[0]]
		for _, value := range slices.Sorted(maps.Keys(of)) {
			assign(value, of[value])
		}
	case view.Filters:
		for _, filter := range b.Filters {
			if filter.Colour != "" {
				assign(filter.Label, filter.Colour)
			}
		}
	}
	if assignments == nil {
		return nil
	}
	return object{
		"assignmentMode": "manual", "assignments": assignments, "paletteId": "eui_amsterdam_color_blind", "colorMode": object{"type": "categorical"},
		"specialAssignments": []object{{
			"rule": object{"type": "other"}, "color": object{"type": "categorical", "paletteId": "neutral", "colorIndex": 1}, "touched": false,
		}},
	}
}
