package saved

import (
	"strconv"

	"codebank.dev/dashboards/view"
)

// The ids of the layers of a panel, and the type of all layers that hold data.
const (
	mainLayer      = "layer"
	trendLayer     = "trend"
	referenceLayer = "reference"
	data           = "data"
)

// Colours of the thresholds. They are readable in both of Kibana's themes.
const (
	green  = "#209280"
	yellow = "#d6bf57"
	red    = "#cc5642"
)

// lens is the state of one panel's Lens chart: its type, its drawing settings, and its
// layers of columns.
type lens struct {
	kind   string
	visual object
	layers map[string]columns
}

// lensOf returns the state of a panel with figures.
func lensOf(p view.Panel) lens {
	c := columnsOf(p.Layer, "")
	l := lens{layers: map[string]columns{mainLayer: c}}
	switch p.Chart {
	case view.Metric:
		l.metric(p, c)
	case view.Donut:
		l.kind = "lnsPie"
		l.visual = object{"shape": "donut", "layers": []object{{
			"layerId": mainLayer, "layerType": data, "primaryGroups": c.buckets, "metrics": c.values,
			"numberDisplay": "percent", "categoryDisplay": "default", "legendDisplay": "default", "emptySizeRatio": 0.54,
		}}}
	case view.Table:
		l.table(p, c)
	case view.Heatmap:
		l.kind = "lnsHeatmap"
		l.visual = object{
			"shape": "heatmap", "layerId": mainLayer, "layerType": data,
			"yAccessor": c.buckets[0], "xAccessor": c.buckets[1], "valueAccessor": c.values[0],
			"legend": object{"type": "heatmap_legend", "isVisible": true, "position": "right"},
			"gridConfig": object{
				"type": "heatmap_grid", "isCellLabelVisible": false, "isXAxisLabelVisible": true, "isYAxisLabelVisible": true,
				"isXAxisTitleVisible": false, "isYAxisTitleVisible": false,
			},
		}
	case view.Gauge:
		l.gauge(p, c)
	default:
		l.axes(p, c)
	}
	return l
}

func (l *lens) metric(p view.Panel, c columns) {
	l.kind = "lnsMetric"
	l.visual = object{"layerId": mainLayer, "layerType": data, "metricAccessor": c.values[0]}
	if len(c.values) > 1 {
		l.visual["secondaryMetricAccessor"] = c.values[1]
		l.visual["secondaryPrefix"] = p.Layer.Metrics[1].Label
	}
	if len(c.buckets) > 0 {
		l.visual["breakdownByAccessor"] = c.buckets[0]
	}
	if thresholds := p.Layer.Metrics[0].Thresholds; thresholds != nil {
		l.visual["palette"] = palette(*thresholds)
	}
	if p.Trend != "" {
		behind := columnsOf(view.Layer{
			Buckets: []view.Bucket{view.Time{Label: "Time", Field: p.Trend, Interval: "auto"}},
			Metrics: p.Layer.Metrics[:1],
		}, "trend-")
		l.layers[trendLayer] = behind
		l.visual["trendlineLayerId"] = trendLayer
		l.visual["trendlineLayerType"] = "metricTrendline"
		l.visual["trendlineTimeAccessor"] = behind.buckets[0]
		l.visual["trendlineMetricAccessor"] = behind.values[0]
	}
}

func (l *lens) table(p view.Panel, c columns) {
	l.kind = "lnsDatatable"
	var shown []object
	for _, id := range c.buckets {
		shown = append(shown, object{"columnId": id})
	}
	for i, id := range c.values {
		one := object{"columnId": id}
		if thresholds := p.Layer.Metrics[i].Thresholds; thresholds != nil {
			one["colorMode"] = "cell"
			one["palette"] = palette(*thresholds)
		}
		shown = append(shown, one)
	}
	l.visual = object{"layerId": mainLayer, "layerType": data, "columns": shown, "paging": object{"enabled": true, "size": 10}}
}

func (l *lens) gauge(p view.Panel, c columns) {
	l.kind = "lnsGauge"
	c.fixed("min", "Minimum", p.Gauge.Min)
	c.fixed("max", "Maximum", p.Gauge.Max)
	c.fixed("goal", "Objective", p.Gauge.Goal)
	l.layers[mainLayer] = c
	l.visual = object{
		"shape": "horizontalBullet", "layerId": mainLayer, "layerType": data, "metricAccessor": c.values[0],
		"minAccessor": "min", "maxAccessor": "max", "goalAccessor": "goal", "ticksPosition": "auto", "labelMajorMode": "auto",
	}
	if thresholds := p.Layer.Metrics[0].Thresholds; thresholds != nil {
		l.visual["colorMode"] = "palette"
		l.visual["palette"] = palette(*thresholds)
	}
}

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
		}
	}
	var sides []object
	for i, value := range p.Layer.Metrics {
		if value.Right {
			sides = append(sides, object{"forAccessor": c.values[i], "axisMode": "right"})
		}
	}
	if sides != nil {
		first["yConfig"] = sides
	}
	drawn := []object{first}
	if len(p.References) > 0 {
		drawn = append(drawn, l.references(p.References))
	}
	everywhere := func(on bool) object { return object{"x": on, "yLeft": on, "yRight": on} }
	l.kind = "lnsXY"
	l.visual = object{
		"legend": object{"isVisible": true, "position": "right"}, "valueLabels": "hide", "fittingFunction": "None",
		"preferredSeriesType": series, "axisTitlesVisibilitySettings": everywhere(true),
		"tickLabelsVisibilitySettings": everywhere(true), "gridlinesVisibilitySettings": everywhere(true), "layers": drawn,
	}
}

// references adds the lines at fixed values, which have a layer of their own.
func (l *lens) references(lines []view.Reference) object {
	c := columns{byID: make(map[string]object)}
	var config []object
	for i, line := range lines {
		id := "reference-" + strconv.Itoa(i+1)
		c.fixed(id, line.Label, line.Value)
		c.byID[id]["params"].(object)["format"] = format(line.Format)
		config = append(config, object{"forAccessor": id, "axisMode": "left", "color": red, "lineWidth": 2, "textVisibility": true})
	}
	l.layers[referenceLayer] = c
	return object{"layerId": referenceLayer, "layerType": "referenceLine", "accessors": c.order, "yConfig": config}
}

// palette returns three colours: below, between and above the two bounds.
func palette(thresholds view.Thresholds) object {
	colours := []string{green, yellow, red}
	if thresholds.RisingIsGood {
		colours = []string{red, yellow, green}
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
