// Package check finds faults in saved objects that Kibana would import without a word
// and then not draw, or draw wrongly: it reads the objects as they are in their files,
// whoever made them, and knows nothing of how they are made.
package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/saved"
)

// Objects returns what is wrong with the objects, each finding beginning with the
// object and the panel it is in; none is what is wanted.
func Objects(objects []dashboards.Object) []string {
	there := make(map[string]bool)
	for _, object := range objects {
		there[object.Type+"/"+object.ID] = true
	}
	var findings []string
	for _, object := range objects {
		if object.Type == dashboards.Rule {
			findings = append(findings, rule(object)...)
			continue
		}
		name := object.Type + "/" + object.ID
		for _, finding := range slices.Concat(file(object), folding(object), content(object, there)) {
			findings = append(findings, name+finding)
		}
	}
	return findings
}

// noise is what Kibana adds to an export and no file should have.
var noise = []string{"updated_at", "updated_by", "created_at", "created_by", "version", "namespaces", "originId", "managed"}

// file checks what every file has, whatever its type.
func file(object dashboards.Object) []string {
	var whole map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&whole); err != nil {
		return []string{": " + err.Error()}
	}
	var findings []string
	say := func(format string, args ...any) { findings = append(findings, ": "+fmt.Sprintf(format, args...)) }
	if whole["type"] != object.Type {
		say("the folder is %s and the type %v", object.Type, whole["type"])
	}
	if whole["id"] != object.ID {
		say("the file is %s and the id %v", object.ID, whole["id"])
	}
	if stamp := saved.Stamps[object.Type]; whole["typeMigrationVersion"] != stamp {
		say("typeMigrationVersion is %v, want %s", whole["typeMigrationVersion"], stamp)
	}
	if whole["coreMigrationVersion"] != "8.8.0" {
		say("coreMigrationVersion is %v, want 8.8.0", whole["coreMigrationVersion"])
	}
	for _, field := range noise {
		if _, there := whole[field]; there {
			say("%s is noise of an export", field)
		}
	}
	if written, err := dashboards.JSON(whole); err != nil || !bytes.Equal(written, object.Body) {
		say("is not written as the generator writes: keys in order, two spaces, a newline")
	}
	return findings
}

// folding checks that nothing is lost on the way into Kibana and back.
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

// content checks what an object of a type says.
func content(object dashboards.Object, there map[string]bool) []string {
	var b board
	if err := json.Unmarshal(object.Body, &b); err != nil {
		return []string{": " + err.Error()}
	}
	findings := b.references(object.Type, there)
	if object.Type != "dashboard" {
		return findings
	}
	findings = append(findings, b.layout()...)
	for _, p := range b.Attributes.Panels {
		var own []string
		if p.Type == "lens" {
			own = p.Config.Attributes.check()
		}
		if p.description() == "" {
			own = append(own, "has no description")
		}
		for _, finding := range own {
			findings = append(findings, " panel "+p.Index+": "+finding)
		}
	}
	return findings
}

// board is what is read of an object; of a dashboard all, of others the references.
type board struct {
	References []reference
	Attributes struct {
		Title    string
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

// text is a query of Kibana.
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
		Description  string
		Attributes   lens
		SavedVis     struct{ Description string }
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
