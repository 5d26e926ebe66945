package serve

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed docs.html
var docsPage string

// apiDocument is the part of an OpenAPI 3 document that the page shows.
type apiDocument struct {
	Info struct {
		Title, Version, Description string
	} `json:"info"`
	Tags []struct {
		Name, Description string
	} `json:"tags"`
	Paths      map[string]map[string]apiOperation `json:"paths"`
	Components struct {
		Schemas map[string]*apiSchema `json:"schemas"`
	} `json:"components"`
}

type apiOperation struct {
	Summary     string         `json:"summary"`
	Description string         `json:"description"`
	OperationID string         `json:"operationId"`
	Tags        []string       `json:"tags"`
	Parameters  []apiParameter `json:"parameters"`
	RequestBody struct {
		Content map[string]apiContent `json:"content"`
	} `json:"requestBody"`
	Responses map[string]struct {
		Description string                `json:"description"`
		Content     map[string]apiContent `json:"content"`
	} `json:"responses"`

	Method string `json:"-"`
	Path   string `json:"-"`
}

type apiParameter struct {
	Name        string     `json:"name"`
	In          string     `json:"in"`
	Required    bool       `json:"required"`
	Description string     `json:"description"`
	Schema      *apiSchema `json:"schema"`
}

type apiContent struct {
	Schema *apiSchema `json:"schema"`
}

type apiSchema struct {
	Ref         string                `json:"$ref"`
	Type        any                   `json:"type"`
	Format      string                `json:"format"`
	Description string                `json:"description"`
	Enum        []string              `json:"enum"`
	Items       *apiSchema            `json:"items"`
	Properties  map[string]*apiSchema `json:"properties"`
	Required    []string              `json:"required"`
}

// Target returns the name of the schema that s refers to, itself or by its items, or "".
func (s *apiSchema) Target() string {
	switch {
	case s == nil:
		return ""
	case s.Items != nil:
		return s.Items.Target()
	default:
		return strings.TrimPrefix(s.Ref, "#/components/schemas/")
	}
}

// Kind returns the type of s in a few words, without the name of the schema that it
// refers to.
func (s *apiSchema) Kind() string {
	switch {
	case s == nil || s.Ref != "":
		return ""
	case s.Items != nil:
		return strings.TrimSpace("list of " + s.Items.Kind())
	case s.Format != "":
		return fmt.Sprintf("%v (%s)", s.Type, s.Format)
	case s.Type == nil:
		return "any"
	default:
		return fmt.Sprint(s.Type)
	}
}

// Operations returns the operations of a tag, by path and method.
func (d *apiDocument) Operations(tag string) []apiOperation {
	var operations []apiOperation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			operation := d.Paths[path][method]
			if slices.Contains(operation.Tags, tag) {
				operation.Method, operation.Path = strings.ToUpper(method), path
				operations = append(operations, operation)
			}
		}
	}
	return operations
}

// handleDocs serves an OpenAPI document and a page that is made from it, once. The page
// needs no script and loads nothing from elsewhere.
func (s *Server) handleDocs(openAPI []byte) error {
	var document apiDocument
	if err := json.Unmarshal(openAPI, &document); err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return fmt.Errorf("documentation page: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, &document); err != nil {
		return fmt.Errorf("documentation page: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", fixed(jsonType, openAPI))
	s.mux.HandleFunc("GET /docs", fixed("text/html; charset=utf-8", html.Bytes()))
	return nil
}

// fixed answers every request with the same bytes.
func fixed(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", contentType)
		if contentType != jsonType {
			header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		}
		_, _ = w.Write(body)
	}
}
