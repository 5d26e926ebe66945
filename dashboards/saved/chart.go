package saved

import (
	"codebank.dev/dashboards/view"
)

// The ids of the layers of a panel, and the type of all layers that hold data.
const (
	mainLayer       = "layer"
	trendLayer      = "trend"
	referenceLayer  = "reference"
	annotationLayer = "annotations"
	data            = "data"
)

// rowsOfPage is how many rows a page of a table has. A table is as high as its page, so
// that it has pages but no scroll bar.
const rowsOfPage = 10

// lens is the state of one panel's Lens chart: its type, its drawing settings, and its
// layers of columns.
type lens struct {
	kind   string
	visual object
	layers map[string]columns
	// source is the data view of the panel.
	source view.DataView
}

// lensOf returns the state of a panel with figures.
func lensOf(p view.Panel, source view.DataView) lens {
	if p.Chart == view.Metric || p.Chart == view.Gauge {
		p.Layer = tile(p.Layer)
	}
	c := columnsOf(p.Layer, "")
	l := lens{layers: map[string]columns{mainLayer: c}, source: source}
	switch p.Chart {
	case view.Metric:
		l.metric(p, c)
	case view.Donut:
		l.donut(p, c)
	case view.Table:
		l.table(p, c)
	case view.Heatmap:
		l.heatmap(p, c)
	case view.Gauge:
		l.gauge(p, c)
	default:
		l.axes(p, c)
	}
	return l
}

// tile is the part of a layer that a tile in Kibana has room for: one large and one small
// figure.
func tile(layer view.Layer) view.Layer {
	metrics := append([]view.Value{}, layer.Metrics[:min(2, len(layer.Metrics))]...)
	if len(metrics) > 1 {
		metrics[1].Figure = orZero(metrics[1].Figure)
	}
	layer.Metrics = metrics
	return layer
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

// gauge is a tile with a bar up to the end of the scale. The ticks of Kibana's own gauge
// overlap at the width of a tile.
func (l *lens) gauge(p view.Panel, c columns) {
	c.fixed("max", "Maximum", p.Gauge.Max)
	l.layers[mainLayer] = c
	l.metric(p, c)
	l.visual["maxAccessor"] = "max"
	l.visual["showBar"] = true
	l.visual["progressDirection"] = "horizontal"
}

func (l *lens) donut(p view.Panel, c columns) {
	l.kind = "lnsPie"
	layer := object{
		"layerId": mainLayer, "layerType": data, "primaryGroups": c.buckets, "metrics": c.values, "numberDisplay": "percent",
		"categoryDisplay": "default", "legendDisplay": "show", "legendPosition": "right", "legendSize": legendSize(l.names(p)), "truncateLegend": false,
		"nestedLegend": false, "emptySizeRatio": 0.54,
	}
	if mapping := l.mapping(p.Layer.Buckets[0]); mapping != nil {
		layer["colorMapping"] = mapping
	}
	l.visual = object{"shape": "donut", "layers": []object{layer}}
}

// wide is the width in pixels of a column with ids. An id is 36 characters long.
const wide = 310

func (l *lens) table(p view.Panel, c columns) {
	l.kind = "lnsDatatable"
	var shown []object
	for i, id := range c.buckets {
		one := object{"columnId": id}
		if terms, ok := p.Layer.Buckets[i].(view.Terms); ok && isID(terms.Fields[0]) {
			one["width"] = wide
		}
		shown = append(shown, one)
	}
	for i, id := range c.values {
		one := object{"columnId": id, "alignment": "right"}
		if thresholds := p.Layer.Metrics[i].Thresholds; thresholds != nil {
			one["colorMode"] = "text"
			one["palette"] = palette(*thresholds)
		}
		shown = append(shown, one)
	}
	l.visual = object{
		"layerId": mainLayer, "layerType": data, "columns": shown, "paging": object{"enabled": true, "size": rowsOfPage},
		"rowHeight": "single", "headerRowHeight": "single",
	}
}

// isID reports whether a field holds ids that are too long for a column of the usual width.
func isID(field string) bool {
	switch field {
	case "card_id", "account_id", "customer_id", "event_id", "transaction_id", "original_transaction_id":
		return true
	}
	return false
}

func (l *lens) heatmap(p view.Panel, c columns) {
	l.kind = "lnsHeatmap"
	l.visual = object{
		"shape": "heatmap", "layerId": mainLayer, "layerType": data,
		"yAccessor": c.buckets[0], "xAccessor": c.buckets[1], "valueAccessor": c.values[0],
		"palette": shades(p.Shade, c.values[0]),
		"legend":  object{"type": "heatmap_legend", "isVisible": true, "position": "right"},
		"gridConfig": object{
			"type": "heatmap_grid", "isCellLabelVisible": false, "isXAxisLabelVisible": true, "isYAxisLabelVisible": true,
			"isXAxisTitleVisible": true, "isYAxisTitleVisible": false, "xTitle": p.Layer.Buckets[1].Title(),
		},
	}
}
