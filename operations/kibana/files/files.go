// Package files converts between Kibana's saved objects and alert rules and the files of
// package dashboards. It reads the files in the form that Kibana imports, and writes
// Kibana's objects as files of the same form.
package files

import (
	"os"
	"slices"

	"codebank.dev/dashboards"
	"codebank.dev/operations/kibana"
)

// Files are what the files describe.
type Files struct {
	// All are the files as they are.
	All []dashboards.Object
	// Objects and Rules are the contents of the files in the form for Kibana.
	Objects []kibana.Object
	Rules   []kibana.Rule
}

// WithoutRules returns the files without those of alert rules.
func (f *Files) WithoutRules() *Files {
	return &Files{Objects: f.Objects, All: slices.DeleteFunc(slices.Clone(f.All), func(file dashboards.Object) bool {
		return file.Type == dashboards.Rule
	})}
}

// Embedded returns the files in this program.
func Embedded() (*Files, error) {
	found, err := dashboards.Objects()
	if err != nil {
		return nil, err
	}
	return folded(found)
}

// Read returns the files in a folder.
func Read(folder string) (*Files, error) {
	found, err := dashboards.Read(os.DirFS(folder))
	if err != nil {
		return nil, err
	}
	return folded(found)
}

func folded(found []dashboards.Object) (*Files, error) {
	f := &Files{All: found}
	for _, file := range found {
		if file.Type == dashboards.Rule {
			f.Rules = append(f.Rules, kibana.Rule{ID: file.ID, Body: file.Body})
			continue
		}
		object, err := dashboards.Fold(file)
		if err != nil {
			return nil, err
		}
		f.Objects = append(f.Objects, kibana.Object{Type: object.Type, ID: object.ID, Body: object.Body})
	}
	return f, nil
}
