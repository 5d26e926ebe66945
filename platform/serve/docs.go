package serve

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

//go:embed docs
var docsFiles embed.FS

const (
	// docsPolicy lets the page load its own files and call its own program, and nothing else. Swagger
	// UI has its pictures in its stylesheet.
	docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	scriptType = "text/javascript; charset=utf-8"
	pageType   = "text/html; charset=utf-8"
)

// apiDocument is the part of an OpenAPI 3 document that the page shows without a script.
type apiDocument struct {
	Info struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	} `json:"info"`
}

// handleDocs serves an OpenAPI document and a page on which its calls can be tried. The page is
// Swagger UI, whose files are in the program.
func (s *Server) handleDocs(openAPI []byte) error {
	var document apiDocument
	if err := json.Unmarshal(openAPI, &document); err != nil {
		return fmt.Errorf("OpenAPI document: %w", err)
	}
	page, err := template.ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return fmt.Errorf("documentation page: %w", err)
	}
	var html bytes.Buffer
	if err := page.Execute(&html, &document); err != nil {
		return fmt.Errorf("documentation page: %w", err)
	}
	script, err := docsFiles.ReadFile("docs/page.js")
	if err != nil {
		return fmt.Errorf("documentation page: %w", err)
	}
	s.mux.HandleFunc("GET /openapi.json", fixed(jsonType, openAPI))
	s.mux.HandleFunc("GET /docs", fixed(pageType, html.Bytes()))
	s.mux.HandleFunc("GET /docs/page.js", fixed(scriptType, script))
	files := http.StripPrefix("/docs/", statigz.FileServer(static.FS))
	for _, file := range []string{"swagger-ui.css", "swagger-ui-bundle.js"} {
		s.mux.HandleFunc("GET /docs/"+file, s.few(maxDocsFiles, maxDocsFilesOfNetwork, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-cache") // The browser asks whether it has the file of this build.
			files.ServeHTTP(w, r)
		})))
	}
	return nil
}

// fixed answers every request with the same bytes.
func fixed(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", contentType)
		if contentType == pageType {
			header.Set("Content-Security-Policy", docsPolicy)
		}
		_, _ = w.Write(body)
	}
}
