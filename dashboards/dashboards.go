// Package dashboards holds the dashboards as data: the saved objects with which Kibana
// shows the bank's figures, embedded in each program that imports the package.
//
// Each object is a file: the folder is its type, the name of the file its id, and the
// content the object, for example dashboard/overview.json. Ids never change, so a
// second import replaces objects and creates no copies. The command generate writes the
// files from the package catalogue. Some attributes are text that holds JSON in Kibana;
// the files hold them as JSON, see Fold.
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

// Rule is the type of alert rules. Alert rules are not saved objects: their content is
// the body of POST /api/alerting/rule/{id}, which is an API of its own in Kibana.
const Rule = "rule"

// Object is one saved object of Kibana, or an alert rule.
type Object struct {
	// Type is Kibana's name of the type, for example dashboard or index-pattern.
	Type string
	// ID is unique within the type.
	ID string
	// Body is the object in JSON.
	Body json.RawMessage
}

// Objects returns all saved objects and alert rules, ordered by type and id. The caller
// may change the result.
func Objects() ([]Object, error) { return read(files) }

// read returns the objects in a tree of <type>/<id>.json. Any other file, and any file
// that is not JSON, is an error, so that no file is skipped silently.
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
