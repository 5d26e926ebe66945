package saved

import (
	"strconv"
	"time"

	"codebank.dev/dashboards/view"
	"codebank.dev/dashboards/width"
)

var seriesTypes = map[view.Chart]string{
	view.Line: "line", view.Area: "area", view.AreaStacked: "area_stacked", view.Bar: "bar", view.BarStacked: "bar_stacked",
	view.BarPercentage: "bar_percentage_stacked", view.BarHorizontal: "bar_horizontal",
}

// axes draws lines, areas and bars.
func (l *lens) axes(p view.Panel, c columns) {
	series := seriesTypes[p.Chart]
	first := object{"layerId": mainLayer, "layerType": data, "seriesType": series, "accessors": c.values}
	if last := len(c.buckets) - 1; last >= 0 {
		first["xAccessor"] = c.buckets[last]
		if last > 0 {
			first["splitAccessor"] = c.buckets[last-1]
			if mapping := l.mapping(p.Layer.Buckets[last-1]); mapping != nil {
				first["colorMapping"] = mapping
			}
		}
	}
	if config := seriesConfig(p, c); config != nil {
		first["yConfig"] = config
	}
	drawn := []object{first}
	if len(p.References) > 0 {
		drawn = append(drawn, l.references(p.References))
	}
	if len(p.Annotations) > 0 {
		drawn = append(drawn, annotations(p.Annotations))
	}
	everywhere := func(on bool) object { return object{"x": on, "yLeft": on, "yRight": on} }
	titles := everywhere(true)
	titles["x"] = namesItsAxis(p)
	l.kind = "lnsXY"
	l.visual = object{
		"legend": l.legend(p), "valueLabels": "hide", "fittingFunction": "None", "preferredSeriesType": series,
		"yTitle": p.Axis.Title, "yLeftExtent": extent(p.Axis.Extent), "axisTitlesVisibilitySettings": titles,
		"tickLabelsVisibilitySettings": everywhere(true), "gridlinesVisibilitySettings": everywhere(true), "layers": drawn,
	}
	if namesItsAxis(p) {
		l.visual["xTitle"] = p.Layer.Buckets[len(p.Layer.Buckets)-1].Title()
	}
}

// namesItsAxis reports whether the other axis needs a title. Times and names need none.
func namesItsAxis(p view.Panel) bool {
	if len(p.Layer.Buckets) == 0 {
		return false
	}
	switch p.Layer.Buckets[len(p.Layer.Buckets)-1].(type) {
	case view.Ranges, view.Numbers:
		return true
	}
	return false
}

func extent(e view.Extent) object {
	if e == view.OfData {
		return object{"mode": "dataBounds"}
	}
	return object{"mode": "full"}
}

func seriesConfig(p view.Panel, c columns) []object {
	var config []object
	for i, value := range p.Layer.Metrics {
		one := object{"forAccessor": c.values[i]}
		if value.Right {
			one["axisMode"] = "right"
		}
		if value.Colour != "" {
			one["color"] = hex[value.Colour]
		}
		if len(one) > 1 {
			config = append(config, one)
		}
	}
	return config
}

// legend stands on the right, as wide as its longest name. A single series has none:
// the axis says what it is.
func (l *lens) legend(p view.Panel) object {
	if len(p.Layer.Buckets) < 2 && len(p.Layer.Metrics) < 2 {
		return object{"isVisible": false, "position": "right", "showSingleSeries": false}
	}
	return object{
		"isVisible": true, "position": "right", "showSingleSeries": true, "legendSize": legendSize(l.names(p)), "shouldTruncate": true, "maxLines": 2,
	}
}

// legendSize is the narrowest of Kibana's widths of a legend that has room for all names.
func legendSize(names []string) string {
	widest := width.Widest(names, width.Legend)
	for _, size := range width.LegendSizes {
		if widest <= size.Room() {
			return size.Name
		}
	}
	return width.LegendSizes[len(width.LegendSizes)-1].Name
}

// names are the names in the legend of a panel, as far as they are known before there are
// documents. Names of stores are not known, and have the widest legend.
func (l *lens) names(p view.Panel) []string {
	var names []string
	if len(p.Layer.Metrics) > 1 {
		for _, value := range p.Layer.Metrics {
			names = append(names, value.Label)
		}
	}
	split := p.Layer.Buckets
	if p.Chart != view.Donut {
		split = split[:max(0, len(split)-1)]
	}
	for _, bucket := range split {
		switch b := bucket.(type) {
		case view.Filters:
			for _, filter := range b.Filters {
				names = append(names, filter.Label)
			}
		case view.Terms:
			words := l.source.Words[b.Fields[0]]
			for _, word := range words {
				names = append(names, word)
			}
			if words == nil && !shortCodes[b.Fields[0]] {
				names = append(names, width.Longest)
			}
		}
	}
	return names
}

// shortCodes are fields without words whose values are short.
var shortCodes = map[string]bool{"card_bin": true, "currency": true, "bank_code": true, "producer_version": true}

// references adds the lines at fixed values, which have a layer of their own.
func (l *lens) references(lines []view.Reference) object {
	c := columns{byID: make(map[string]object)}
	var config []object
	for i, line := range lines {
		id := "reference-" + strconv.Itoa(i+1)
		c.fixed(id, line.Label, line.Value)
		c.byID[id]["params"].(object)["format"] = format(line.Format)
		config = append(config, object{"forAccessor": id, "axisMode": "left", "color": hex[view.Bad], "lineWidth": 2, "textVisibility": true})
	}
	l.layers[referenceLayer] = c
	return object{"layerId": referenceLayer, "layerType": "referenceLine", "accessors": c.order, "yConfig": config}
}

// annotations mark moments. Their layer has no columns. Its data view is a reference of its
// own.
func annotations(list []view.Annotation) object {
	marks := make([]object, len(list))
	for i, one := range list {
		marks[i] = object{
			"type": "manual", "id": one.ID, "label": one.Label, "color": hex[view.Quiet], "icon": "flag", "lineStyle": "dashed", "lineWidth": 1,
			"textVisibility": true, "isHidden": false, "key": object{"type": "point_in_time", "timestamp": one.At.UTC().Format(time.RFC3339)},
		}
	}
	return object{
		"layerId": annotationLayer, "layerType": "annotations", "persistanceType": "byValue", "ignoreGlobalFilters": true, "annotations": marks,
	}
}
