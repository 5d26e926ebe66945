// Package dashboards holds the views as data: the saved objects that Kibana shows
// the bank's figures with, embedded in the program that imports them.
//
// An object is a file: the folder is its type, the file's name its id, and the
// content the object, for example dashboard/overview.json. Ids never change, so
// importing again replaces instead of doubling. The files are written by generate, from
// catalogue; attributes that Kibana keeps as text are JSON in them, see Fold.
package dashboards

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

//go:embed dashboard/*.json index-pattern/*.json rule/*.json search/*.json tag/*.json
var files embed.FS

// extension ends the name of every object's file.
const extension = ".json"

// Rule is the type of alert rules. They are no saved objects: the content is the body of
// POST /api/alerting/rule/{id}, and Kibana has an interface of their own for them.
const Rule = "rule"

// Object is one saved object of Kibana, or an alert rule.
type Object struct {
	// Type is Kibana's name of the kind, for example dashboard or index-pattern.
	Type string
	// ID is the object's own, unique within its type.
	ID string
	// Body is the object in JSON.
	Body json.RawMessage
}

// Objects returns all saved objects and alert rules, ordered by type and id. The caller may change what
// it gets.
func Objects() ([]Object, error) { return read(files) }

// read returns the objects in a tree of <type>/<id>.json. Any other file, and any
// that is not JSON, is an error: nothing is passed over in silence.
func read(tree fs.FS) ([]Object, error) {
	var objects []Object
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		kind, file := path.Split(name)
		kind = strings.TrimSuffix(kind, "/")
		id, isJSON := strings.CutSuffix(file, extension)
		if kind == "" || strings.Contains(kind, "/") || !isJSON || id == "" {
			return fmt.Errorf("dashboards: %s is not <type>/<id>%s", name, extension)
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if !json.Valid(body) {
			return fmt.Errorf("dashboards: %s is not JSON", name)
		}
		objects = append(objects, Object{Type: kind, ID: id, Body: body})
		return nil
	})
	return objects, err
}
