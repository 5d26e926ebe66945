package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// references checks that an object names exactly the objects that it needs, that the
// names are those by which Kibana finds them, and that all of these objects exist.
func (b board) references(kind string, existing map[string]bool) []string {
	var findings []string
	needed := b.needed(kind)
	for _, r := range b.References {
		target := r.Type + "/" + r.ID
		if !existing[target] {
			findings = append(findings, fmt.Sprintf("%s: refers to %s, which does not exist", place(r.Name), target))
		}
		want, used := needed[r.Name]
		delete(needed, r.Name)
		switch {
		case strings.HasPrefix(r.Name, "tag-ref-"):
			if r.Type != "tag" || r.Name != "tag-ref-"+r.ID {
				findings = append(findings, fmt.Sprintf(": reference %s is to %s", r.Name, target))
			}
		case !used:
			findings = append(findings, fmt.Sprintf("%s: reference %s is not used", place(r.Name), r.Name))
		case want != r.Type:
			findings = append(findings, fmt.Sprintf("%s: reference %s is to a %s, want a %s", place(r.Name), r.Name, r.Type, want))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(needed)) {
		findings = append(findings, fmt.Sprintf("%s: reference %s is missing", place(name), name))
	}
	for _, p := range b.Attributes.Panels {
		findings = append(findings, b.inner(p)...)
	}
	return findings
}

// place returns the panel or control that a reference belongs to, as findings name it.
func place(name string) string {
	if control, ok := strings.CutPrefix(name, "controlGroup_"); ok {
		id, _, _ := strings.Cut(control, ":")
		return " control " + id
	}
	if id, _, ok := strings.Cut(name, ":"); ok {
		return " panel " + id
	}
	return ""
}

var controlReferences = map[string]string{"optionsListControl": "optionsListDataView", "rangeSliderControl": "rangeSliderDataView"}

// needed returns the names and types of the references that the content needs.
func (b board) needed(kind string) map[string]string {
	names := make(map[string]string)
	if kind == "search" {
		names[b.Attributes.Meta.Source.IndexRefName] = "index-pattern"
	}
	for id, control := range b.Attributes.Controls.Panels {
		if control.Type != "timeSlider" {
			names["controlGroup_"+id+":"+controlReferences[control.Type]] = "index-pattern"
		}
	}
	for _, p := range b.Attributes.Panels {
		for id := range p.Config.Attributes.State.Sources.FormBased.Layers {
			names[p.Index+":"+layerReference+id] = "index-pattern"
		}
		if len(p.Config.Attributes.layersOf("annotations")) > 0 {
			names[p.Index+":"+annotationReference] = "index-pattern"
		}
		for _, link := range p.Config.Attributes.Links {
			names[p.Index+":link_"+link.ID+"_dashboard"] = "dashboard"
		}
		for _, event := range p.Config.Enhancements.DynamicActions.Events {
			names[p.Index+":drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:"+event.EventID+":dashboardId"] = "dashboard"
		}
		if p.RefName != "" {
			names[p.Index+":"+p.RefName] = "search"
		}
	}
	return names
}

// An annotation layer has a data view of its own, and no columns.
const (
	annotationLayer     = "annotations"
	annotationReference = "xy-visualization-layer-" + annotationLayer
)

const layerReference = "indexpattern-datasource-layer-"

// inner checks that a chart by value repeats the references of its layers.
func (b board) inner(p panel) []string {
	if p.Type != "lens" {
		return nil
	}
	var findings []string
	layers := p.Config.Attributes.State.Sources.FormBased.Layers
	have := make(map[string]bool)
	for _, r := range p.Config.Attributes.References {
		id := strings.TrimPrefix(r.Name, layerReference)
		have[id] = true
		outer := reference{r.Type, r.ID, p.Index + ":" + r.Name}
		_, exists := layers[id]
		exists = exists || r.Name == annotationReference && len(p.Config.Attributes.layersOf("annotations")) > 0
		if !exists || !slices.Contains(b.References, outer) {
			findings = append(findings, fmt.Sprintf(" panel %s: reference %s of the chart is not one of the dashboard", p.Index, r.Name))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(layers)) {
		if !have[id] {
			findings = append(findings, fmt.Sprintf(" panel %s: layer %s has no reference in the chart", p.Index, id))
		}
	}
	return findings
}
