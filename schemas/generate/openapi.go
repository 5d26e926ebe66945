package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"sort"
	"strings"
)

// document is the part of an OpenAPI document that is merged here. The content below a
// path or a schema is copied unchanged.
type document struct {
	OpenAPI    string                    `json:"openapi"`
	Info       map[string]any            `json:"info"`
	Tags       []map[string]any          `json:"tags,omitempty"`
	Paths      map[string]map[string]any `json:"paths"`
	Components struct {
		Schemas         map[string]any `json:"schemas"`
		SecuritySchemes map[string]any `json:"securitySchemes,omitempty"`
	} `json:"components"`
	Security []map[string][]string `json:"security,omitempty"`
}

// mergeOpenAPI replaces the documents that the plug-in wrote, one for each proto file,
// with one document for each package: bank/v1/card.openapi.json and its neighbours
// become bank.v1.json. Every operation gets the error body that REST callers see, and its example.
func mergeOpenAPI(dir string, shown examples) error {
	parts, err := files(dir)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	merged := map[string]*document{}
	for _, name := range names {
		pkg := strings.ReplaceAll(path.Dir(name), "/", ".")
		if merged[pkg] == nil {
			merged[pkg] = newDocument(pkg)
		}
		if err := merged[pkg].add(parts[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for pkg, doc := range merged {
		if err := doc.completed(shown[pkg]); err != nil {
			return fmt.Errorf("%s: %w", pkg, err)
		}
		if err := doc.write(filepath.Join(dir, pkg+".json")); err != nil {
			return err
		}
	}
	return nil
}

func newDocument(pkg string) *document {
	name, version, _ := strings.Cut(pkg, ".")
	doc := &document{
		Info: map[string]any{
			"title":       "Code Bank " + name,
			"version":     version,
			"description": about(pkg),
		},
		Paths: map[string]map[string]any{},
	}
	doc.Components.Schemas = map[string]any{"Problem": problemSchema()}
	return doc
}

// add copies the paths and schemas of one document of the plug-in.
func (d *document) add(body []byte) error {
	var part document
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&part); err != nil {
		return err
	}
	d.OpenAPI = part.OpenAPI
	d.Tags = append(d.Tags, part.Tags...)
	for route, item := range part.Paths {
		if d.Paths[route] == nil {
			d.Paths[route] = map[string]any{}
		}
		for method, operation := range item {
			if _, taken := d.Paths[route][method]; taken {
				return fmt.Errorf("%s %s is defined twice", method, route)
			}
			describeBytes(operation)
			if err := addProblem(operation); err != nil {
				return fmt.Errorf("%s %s: %w", method, route, err)
			}
			d.Paths[route][method] = operation
		}
	}
	for name, schema := range part.Components.Schemas {
		if name == httpBody {
			continue
		}
		if known, taken := d.Components.Schemas[name]; taken && !reflect.DeepEqual(known, schema) {
			return fmt.Errorf("schema %s is defined twice, with different content", name)
		}
		d.Components.Schemas[name] = schema
	}
	return nil
}

func (d *document) write(path string) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return err
	}
	return os.WriteFile(path, body.Bytes(), 0o644)
}

// httpBody is the message of an answer that is no JSON.
const httpBody = "google.api.HttpBody"

// describeBytes describes an answer that is no JSON as what REST callers see: its bytes. The plug-in describes the message
// that carries them.
func describeBytes(operation any) {
	fields, _ := operation.(map[string]any)
	responses, _ := fields["responses"].(map[string]any)
	answer, _ := responses["200"].(map[string]any)
	content, _ := answer["content"].(map[string]any)
	body, _ := content["application/json"].(map[string]any)
	schema, _ := body["schema"].(map[string]any)
	if schema["$ref"] != "#/components/schemas/"+httpBody {
		return
	}
	answer["description"] = "The content itself. Content-Type names what it is."
	answer["content"] = map[string]any{"*/*": map[string]any{"schema": map[string]any{"type": "string", "format": "binary"}}}
}

// addProblem adds the response that every failure of an operation has.
func addProblem(operation any) error {
	fields, ok := operation.(map[string]any)
	if !ok {
		return fmt.Errorf("not an operation: %v", operation)
	}
	responses, ok := fields["responses"].(map[string]any)
	if !ok {
		return errors.New("no responses")
	}
	responses["default"] = map[string]any{
		"description": "A failure; the body says what went wrong.",
		"content": map[string]any{
			"application/problem+json": map[string]any{
				"schema": map[string]any{"$ref": "#/components/schemas/Problem"},
			},
		},
	}
	return nil
}

// problemSchema is the error body of RFC 9457, section 3.1. As in the standard, it
// allows extension members.
func problemSchema() map[string]any {
	text := func(description string) map[string]any {
		return map[string]any{"type": "string", "description": description}
	}
	return map[string]any{
		"type":        "object",
		"description": "Problem details (RFC 9457).",
		"properties": map[string]any{
			"type":    text("Names the kind of problem."),
			"title":   text("The kind of problem in a few words."),
			"status":  map[string]any{"type": "integer", "description": "The HTTP status."},
			"detail":  text("What was wrong with this request; safe to show."),
			"code":    text("The class of the failure, for programs."),
			"reason":  text("A stable word within the class."),
			"field":   text("The field at fault, by its name in the contract."),
			"traceId": text("Finds the call in the logs."),
		},
		"additionalProperties": true,
	}
}
