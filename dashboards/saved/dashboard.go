package saved

import (
	"cmp"
	"slices"
	"strings"

	"codebank.dev/dashboards/view"
)

// context is what an object needs to know of the others: the titles of all dashboards, by
// id, and the data views.
type context struct {
	titles map[string]string
	views  map[view.Source]view.DataView
}

// dashboard makes the saved object of a dashboard.
func dashboard(b view.Dashboard, known context) made {
	m := made{kind: "dashboard", id: b.ID, references: []reference{tagged()}}
	panels := make([]object, len(b.Panels))
	for i, p := range b.Panels {
		var needed []reference
		panels[i], needed = panel(p, known)
		for _, r := range needed {
			r.Name = p.ID + ":" + r.Name
			m.references = append(m.references, r)
		}
	}
	controls, needed := controlGroup(b.Controls, known.views)
	m.references = append(m.references, needed...)
	m.attributes = object{
		"title": b.Title, "description": b.Description, "version": 1,
		"timeRestore": true, "timeFrom": b.From, "timeTo": "now",
		"refreshInterval": object{"pause": false, "value": b.Refresh.Milliseconds()},
		"optionsJSON": object{
			"useMargins": true, "syncColors": false, "syncCursor": true, "syncTooltips": false, "hidePanelTitles": false,
		},
		"panelsJSON": panels, "controlGroupInput": controls,
		"kibanaSavedObjectMeta": object{"searchSourceJSON": object{"query": query(nil), "filter": []any{}}},
	}
	return m
}

// panel makes one panel and returns the references that it needs.
func panel(p view.Panel, known context) (object, []reference) {
	made := object{
		"panelIndex": p.ID, "title": p.Title,
		"gridData": object{"i": p.ID, "x": p.Grid.X, "y": p.Grid.Y, "w": p.Grid.W, "h": p.Grid.H},
	}
	var needed []reference
	switch p.Chart {
	case view.Links:
		made["type"] = "links"
		made["embeddableConfig"], needed = links(p, known.titles)
	case view.Text:
		made["type"] = "visualization"
		made["embeddableConfig"] = markdown(p)
	case view.Documents:
		made["type"] = "search"
		made["panelRefName"] = "panel_" + p.ID
		made["embeddableConfig"] = object{"enhancements": object{}, "description": p.Definition}
		needed = []reference{{p.Documents.ID, "panel_" + p.ID, "search"}}
	default:
		made["type"] = "lens"
		made["embeddableConfig"], needed = embedded(p, known.views[p.Source])
	}
	return made, needed
}

// embedded makes a Lens chart by value.
func embedded(p view.Panel, source view.DataView) (object, []reference) {
	isTile := p.Chart == view.Metric || p.Chart == view.Gauge
	if isTile && len(p.Layer.Buckets) == 0 {
		// A tile shows the name of its figure. It would repeat the title of the panel.
		p.Layer.Metrics = slices.Clone(p.Layer.Metrics)
		p.Layer.Metrics[0].Label = p.Title
	}
	l := lensOf(p, source)
	layers := object{}
	var needed []reference
	for id, c := range l.layers {
		state := c.layer()
		if p.Unfiltered {
			state["ignoreGlobalFilters"] = true
		}
		if id == trendLayer {
			state["linkToLayers"] = []string{mainLayer}
		}
		layers[id] = state
		needed = append(needed, reference{string(p.Source), "indexpattern-datasource-layer-" + id, "index-pattern"})
	}
	if len(p.Annotations) > 0 {
		needed = append(needed, reference{string(p.Source), "xy-visualization-layer-" + annotationLayer, "index-pattern"})
	}
	slices.SortFunc(needed, func(a, b reference) int { return strings.Compare(a.Name, b.Name) })
	enhancements := object{}
	config := object{
		"enhancements": enhancements, "hidePanelTitles": isTile && len(p.Layer.Buckets) == 0,
		"attributes": object{
			"title": p.Title, "description": Description(p), "type": "lens", "visualizationType": l.kind,
			"references": slices.Clone(needed),
			"state": object{
				"query": query(p.Query), "filters": []any{}, "internalReferences": []any{}, "adHocDataViews": object{},
				"datasourceStates": object{"formBased": object{"layers": layers}}, "visualization": l.visual,
			},
		},
	}
	if p.From != "" {
		config["timeRange"] = object{"from": p.From, "to": cmp.Or(p.To, "now")}
	}
	if len(p.Drilldowns) > 0 {
		var ways []reference
		enhancements["dynamicActions"], ways = drilldowns(p.Drilldowns)
		needed = append(needed, ways...)
	}
	return config, needed
}

// Description returns the text of a panel's description: its definition, what its colours
// mean, and how exact it is.
func Description(p view.Panel) string {
	text := p.Definition
	for _, value := range p.Layer.Metrics {
		if value.Thresholds != nil {
			text += " Colours: " + value.Thresholds.Words(value.Format) + "."
			break
		}
	}
	if p.Shade.Dark != "" {
		text += " Colours: dark is " + p.Shade.Dark + "."
	}
	if p.Approximate != "" {
		text += " Approximate: " + p.Approximate
	}
	return text
}

const toDashboard = "DASHBOARD_TO_DASHBOARD_DRILLDOWN"

func drilldowns(list []view.Drilldown) (object, []reference) {
	var events []object
	var needed []reference
	for _, d := range list {
		events = append(events, object{
			"eventId": d.ID, "triggers": []string{"FILTER_TRIGGER"},
			"action": object{"factoryId": toDashboard, "name": d.Name, "config": object{
				"useCurrentFilters": true, "useCurrentDateRange": true, "openInNewTab": false,
			}},
		})
		needed = append(needed, reference{d.To, "drilldown:" + toDashboard + ":" + d.ID + ":dashboardId", "dashboard"})
	}
	return object{"events": events}, needed
}

func links(p view.Panel, titles map[string]string) (object, []reference) {
	var list []object
	var needed []reference
	for i, to := range p.Links {
		name := "link_" + to + "_dashboard"
		list = append(list, object{"id": to, "type": "dashboardLink", "label": titles[to], "order": i, "destinationRefName": name})
		needed = append(needed, reference{to, name, "dashboard"})
	}
	return object{
		"enhancements": object{}, "hidePanelTitles": true,
		"attributes": object{"title": p.Title, "description": p.Definition, "layout": "horizontal", "links": list},
	}, needed
}

func markdown(p view.Panel) object {
	return object{
		"enhancements": object{}, "hidePanelTitles": true,
		"savedVis": object{
			"title": p.Title, "description": p.Definition, "type": "markdown", "uiState": object{},
			"params": object{"markdown": p.Text, "openLinksInNewTab": false, "fontSize": 12},
			"data":   object{"aggs": []any{}, "searchSource": object{"query": query(nil), "filter": []any{}}},
		},
	}
}

// controlKinds hold Kibana's name of each kind of control, and the end of its
// reference's name. The two differ.
var controlKinds = map[view.ControlKind]struct{ kind, reference string }{
	view.Options:    {"optionsListControl", ":optionsListDataView"},
	view.Slider:     {"rangeSliderControl", ":rangeSliderDataView"},
	view.TimeSlider: {"timeSlider", ""},
}

func controlGroup(list []view.Control, views map[view.Source]view.DataView) (object, []reference) {
	panels := object{}
	var needed []reference
	for i, c := range list {
		kind := controlKinds[c.Kind]
		input := object{"id": c.ID, "title": c.Title, "enhancements": object{}}
		if kind.reference != "" {
			input["fieldName"] = shownField(views[c.Source], c.Field)
			needed = append(needed, reference{string(c.Source), "controlGroup_" + c.ID + kind.reference, "index-pattern"})
		}
		panels[c.ID] = object{"order": i, "width": "medium", "grow": true, "type": kind.kind, "explicitInput": input}
	}
	return object{
		"controlStyle": "oneLine", "chainingSystem": "HIERARCHICAL", "panelsJSON": panels,
		"ignoreParentSettingsJSON": object{"ignoreFilters": false, "ignoreQuery": false, "ignoreTimerange": false, "ignoreValidations": false},
	}, needed
}
