// Package check finds faults in saved objects that Kibana imports without an error and
// then does not draw, or draws wrongly. It reads the objects as they stand in their
// files. It does not depend on who made them or how.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/saved"
)

// Objects returns the faults of the objects. Each finding begins with the object and
// the panel that it is about. Sound objects have none.
func Objects(objects []dashboards.Object) []string {
	existing := make(map[string]bool)
	known := make(sources)
	for _, object := range objects {
		existing[object.Type+"/"+object.ID] = true
		known.add(object)
	}
	var findings []string
	for _, object := range objects {
		if object.Type == dashboards.Rule {
			findings = append(findings, rule(object)...)
			continue
		}
		name := object.Type + "/" + object.ID
		for _, finding := range slices.Concat(file(object), folding(object), content(object, existing, known)) {
			findings = append(findings, name+finding)
		}
	}
	return findings
}

// exportOnly are the fields that Kibana adds to an export and that no file should have.
var exportOnly = []string{"updated_at", "updated_by", "created_at", "created_by", "version", "namespaces", "originId", "managed"}

// file checks the parts that every file has, whatever its type.
func file(object dashboards.Object) []string {
	var whole map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&whole); err != nil {
		return []string{": " + err.Error()}
	}
	var findings []string
	report := func(format string, args ...any) { findings = append(findings, ": "+fmt.Sprintf(format, args...)) }
	if whole["type"] != object.Type {
		report("the folder is %s and the type %v", object.Type, whole["type"])
	}
	if whole["id"] != object.ID {
		report("the file is %s and the id %v", object.ID, whole["id"])
	}
	if stamp := saved.Stamps[object.Type]; whole["typeMigrationVersion"] != stamp {
		report("typeMigrationVersion is %v, want %s", whole["typeMigrationVersion"], stamp)
	}
	if whole["coreMigrationVersion"] != "8.8.0" {
		report("coreMigrationVersion is %v, want 8.8.0", whole["coreMigrationVersion"])
	}
	for _, field := range exportOnly {
		if _, present := whole[field]; present {
			report("%s is a field of exports, which a file does not have", field)
		}
	}
	if written, err := dashboards.JSON(whole); err != nil || !bytes.Equal(written, object.Body) {
		report("is not in the generator's form: keys in order, two spaces, a newline")
	}
	return findings
}

// folding checks that folding and unfolding lose nothing.
func folding(object dashboards.Object) []string {
	folded, err := dashboards.Fold(object)
	if err != nil {
		return []string{": " + err.Error()}
	}
	unfolded, err := dashboards.Unfold(folded)
	if err != nil {
		return []string{": " + err.Error()}
	}
	if !bytes.Equal(unfolded.Body, object.Body) {
		return []string{": folding and unfolding changes it"}
	}
	return nil
}

// content checks the attributes and references of an object by its type.
func content(object dashboards.Object, existing map[string]bool, known sources) []string {
	var b board
	if err := json.Unmarshal(object.Body, &b); err != nil {
		return []string{": " + err.Error()}
	}
	findings := b.references(object.Type, existing)
	if object.Type == "search" {
		return append(findings, b.listed(known)...)
	}
	if object.Type != "dashboard" {
		return findings
	}
	findings = append(findings, b.layout()...)
	for _, p := range b.Attributes.Panels {
		var own []string
		if p.Type == "lens" {
			own = p.Config.Attributes.check()
			source := known[b.source(p.Index+":"+layerReference)]
			own = append(own, p.shown(source)...)
		}
		own = append(own, p.fits(known[b.source(p.Index+":"+layerReference)])...)
		if p.description() == "" {
			own = append(own, "has no description")
		}
		for _, finding := range own {
			findings = append(findings, " panel "+p.Index+": "+finding)
		}
	}
	return findings
}

// board is the part of an object that is read: all parts of a dashboard, and the
// references of other objects.
type board struct {
	References []reference
	Attributes struct {
		Title    string
		Columns  []string
		Panels   []panel `json:"panelsJSON"`
		Controls struct {
			Panels map[string]struct {
				Type  string
				Input struct {
					ID        string
					FieldName string
				} `json:"explicitInput"`
			} `json:"panelsJSON"`
		} `json:"controlGroupInput"`
		Meta struct {
			Source struct {
				IndexRefName string
				Query        text
			} `json:"searchSourceJSON"`
		} `json:"kibanaSavedObjectMeta"`
	}
}

type reference struct{ Type, ID, Name string }

// text is a query in Kibana's language.
type text struct{ Query string }

type panel struct {
	Index   string `json:"panelIndex"`
	Type    string
	Title   string
	RefName string `json:"panelRefName"`
	Grid    struct {
		I          string
		X, Y, W, H int
	} `json:"gridData"`
	Config struct {
		Description string
		HideTitle   bool `json:"hidePanelTitles"`
		TimeRange   *struct{ From string }
		Attributes  lens
		SavedVis    struct {
			Description string
			Params      struct{ Markdown string }
		}
		Enhancements struct {
			DynamicActions struct {
				Events []struct{ EventID string }
			}
		}
	} `json:"embeddableConfig"`
}

func (p panel) description() string {
	return p.Config.Description + p.Config.Attributes.Description + p.Config.SavedVis.Description
}
