// Package saved makes Kibana's saved objects from views. The objects hold JSON
// unfolded, in the form of the files; dashboards.Fold folds it for an import. The same
// views always make the same bytes.
package saved

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/view"
)

// Stamps are the versions in which objects of each type are written. Kibana refuses a
// file with a stamp newer than itself, and migrates older objects on import.
var Stamps = map[string]string{
	"dashboard": "8.9.0", "index-pattern": "8.0.0", "search": "7.9.3", "tag": "8.0.0",
}

// core is the version of the format that all types share.
const core = "8.8.0"

// tagID is the id of the tag that all objects have.
const tagID = "code-bank"

// Objects makes the saved objects of data views and dashboards, ordered by type and id.
func Objects(views []view.DataView, boards []view.Dashboard) ([]dashboards.Object, error) {
	list := []made{{"tag", tagID, object{
		"name": "Code Bank", "description": "Generated from code. Change the code, not the object.", "color": "#209280",
	}, nil}}
	for _, v := range views {
		list = append(list, dataView(v))
	}
	known := context{titles: make(map[string]string), views: make(map[view.Source]view.DataView)}
	for _, v := range views {
		known.views[v.Source] = v
	}
	for _, b := range boards {
		known.titles[b.ID] = cmp.Or(b.Short, b.Title)
	}
	for _, b := range boards {
		list = append(list, dashboard(b, known))
		for _, p := range b.Panels {
			if p.Chart == view.Documents {
				list = append(list, search(p, known.views[p.Source]))
			}
		}
	}
	objects := make([]dashboards.Object, len(list))
	for i, m := range list {
		body, err := m.body()
		if err != nil {
			return nil, err
		}
		objects[i] = dashboards.Object{Type: m.kind, ID: m.id, Body: body}
	}
	slices.SortFunc(objects, func(a, b dashboards.Object) int {
		return strings.Compare(a.Type+"/"+a.ID, b.Type+"/"+b.ID)
	})
	return objects, nil
}

// made is an object before it is written.
type made struct {
	kind, id   string
	attributes object
	references []reference
}

// reference names an object that another object needs.
type reference struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

func (m made) body() ([]byte, error) {
	if Stamps[m.kind] == "" {
		return nil, fmt.Errorf("saved: type %s has no stamp", m.kind)
	}
	references := slices.Clone(m.references)
	if references == nil {
		references = []reference{}
	}
	slices.SortFunc(references, func(a, b reference) int { return strings.Compare(a.Name, b.Name) })
	return dashboards.JSON(object{
		"type": m.kind, "id": m.id, "attributes": m.attributes, "references": references,
		"coreMigrationVersion": core, "typeMigrationVersion": Stamps[m.kind],
	})
}

func tagged() reference { return reference{tagID, "tag-ref-" + tagID, "tag"} }
