package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// examplesFile is the file with the examples, in the folder of the module.
const examplesFile = "examples.yaml"

// example is a request that a reader may send.
type example struct {
	Parameters map[string]any `yaml:"parameters"`
	Body       map[string]any `yaml:"body"`
}

// examples are the examples by package and operation.
type examples map[string]map[string]example

// openExamples returns the examples of a file.
func openExamples(path string) (examples, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read examples
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	decoder.KnownFields(true)
	if err := decoder.Decode(&read); err != nil {
		return nil, fmt.Errorf("%s: %w", examplesFile, err)
	}
	return read, nil
}

// completed finishes a merged document for readers: it says what a path takes and how a caller
// shows who it is, and has the examples.
func (d *document) completed(of map[string]example) error {
	d.Components.SecuritySchemes = map[string]any{"bearerAuth": map[string]any{
		"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
		"description": "An access token, from SignIn of the program identity. A client certificate is the other way to show who calls.",
	}}
	d.Security = []map[string][]string{{"bearerAuth": {}}, {}}
	unused := maps.Clone(of)
	for route, item := range d.Paths {
		for _, operation := range item {
			fields, ok := operation.(map[string]any)
			if !ok {
				return fmt.Errorf("%s is not an operation", route)
			}
			id, _ := fields["operationId"].(string)
			if err := explain(fields, route, of[id]); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
			delete(unused, id)
		}
	}
	if len(unused) > 0 {
		return fmt.Errorf("%s: there is no operation %s", examplesFile, strings.Join(slices.Sorted(maps.Keys(unused)), ", "))
	}
	return nil
}

// explain adds an example to an operation, and to each variable of its path what it stands for.
func explain(operation map[string]any, route string, shown example) error {
	known := map[string]bool{}
	list, _ := operation["parameters"].([]any)
	for _, entry := range list {
		parameter, ok := entry.(map[string]any)
		if !ok {
			return fmt.Errorf("not a parameter: %v", entry)
		}
		name, _ := parameter["name"].(string)
		known[name] = true
		if parameter["in"] == "path" {
			explainVariable(parameter, route)
		}
		if value, given := shown.Parameters[name]; given {
			parameter["example"] = value
		}
	}
	for name := range shown.Parameters {
		if !known[name] {
			return fmt.Errorf("%s: there is no parameter %s", examplesFile, name)
		}
	}
	if shown.Body == nil {
		return nil
	}
	content, err := jsonContent(operation)
	if err == nil {
		content["example"] = shown.Body
	}
	return err
}

// explainVariable says which part of a name a variable takes. The contract has the whole name,
// such as accounts/{uuid}, and the path has the word accounts already.
func explainVariable(parameter map[string]any, route string) {
	match := regexp.MustCompile(`([A-Za-z]+)/\{` + regexp.QuoteMeta(fmt.Sprint(parameter["name"])) + `\}`).FindStringSubmatch(route)
	if match == nil {
		return
	}
	what, _ := parameter["description"].(string)
	if what != "" && !strings.HasSuffix(what, ".") {
		what += "."
	}
	parameter["description"] = strings.TrimSpace(what + " Give the id that follows " + match[1] + "/ in the name.")
}

// jsonContent returns the description of the body of an operation.
func jsonContent(operation map[string]any) (map[string]any, error) {
	body, _ := operation["requestBody"].(map[string]any)
	types, _ := body["content"].(map[string]any)
	content, ok := types["application/json"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: the operation takes no body", examplesFile)
	}
	return content, nil
}
