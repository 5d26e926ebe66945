package serve

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/language"
	"codebank.dev/schemas"
)

//go:embed problems
var problemFiles embed.FS

// problemsPath is where the pages of the reasons are.
const problemsPath = "/problems/"

// reasonSlug returns a reason as it stands in the path of its page.
func reasonSlug(reason string) string { return strings.ToLower(strings.ReplaceAll(reason, "_", "-")) }

// reasonPage is what the page of a reason shows, in one language.
type reasonPage struct {
	Language, Other language.Tag
	Portuguese      bool
	Reason, Slug    string
	Sentences       []string
	Decline         string
	Classes         []reasonClass
	// All are the reasons of the index; nil on the page of one.
	All []reasonLink
}

type reasonClass struct {
	Title, Code, Next string
	Status            int
}

type reasonLink struct{ Reason, Slug string }

// handleProblems serves a page for each reason of schemas/reasons.yaml, and their index.
func (s *Server) handleProblems() error {
	catalogue, err := schemas.Reasons()
	if err != nil {
		return err
	}
	page, err := template.ParseFS(problemFiles, "problems/page.html")
	if err != nil {
		return fmt.Errorf("pages of problems: %w", err)
	}
	style, err := problemFiles.ReadFile("problems/page.css")
	if err != nil {
		return fmt.Errorf("pages of problems: %w", err)
	}
	s.mux.HandleFunc("GET /problems/page.css", fixed("text/css; charset=utf-8", style))
	s.mux.HandleFunc("GET /problems/{$}", func(w http.ResponseWriter, r *http.Request) {
		shown := newReasonPage(r)
		for _, reason := range slices.Sorted(maps.Keys(catalogue.Reasons)) {
			shown.All = append(shown.All, reasonLink{Reason: reason, Slug: reasonSlug(reason)})
		}
		writeReasonPage(w, page, shown)
	})
	s.mux.HandleFunc("GET /problems/{reason}", func(w http.ResponseWriter, r *http.Request) {
		name := strings.ToUpper(strings.ReplaceAll(r.PathValue("reason"), "-", "_"))
		reason, known := catalogue.Reasons[name]
		if !known || r.PathValue("reason") != reasonSlug(name) {
			notFound(w, r)
			return
		}
		shown := newReasonPage(r)
		shown.fill(catalogue, name, &reason)
		writeReasonPage(w, page, shown)
	})
	return nil
}

// newReasonPage returns an empty page in the language of the query or, without one, of the header.
func newReasonPage(r *http.Request) *reasonPage {
	tag := language.Choose(r.Header.Get("Accept-Language"))
	if wanted := r.URL.Query().Get("language"); wanted != "" {
		tag = language.Choose(wanted)
	}
	shown := &reasonPage{Language: tag, Other: language.Portuguese, Portuguese: tag == language.Portuguese}
	if shown.Portuguese {
		shown.Other = language.English
	}
	return shown
}

// fill adds what is said about one reason.
func (p *reasonPage) fill(catalogue *schemas.ReasonCatalogue, name string, reason *schemas.Reason) {
	p.Reason, p.Slug = name, reasonSlug(name)
	say := func(texts schemas.Texts) string {
		text := texts.English
		if p.Portuguese {
			text = texts.Portuguese
		}
		return strings.ReplaceAll(text, "{}", "…")
	}
	for _, texts := range reason.Messages {
		p.Sentences = append(p.Sentences, say(texts))
	}
	if reason.Decline != nil {
		p.Decline = say(*reason.Decline)
	}
	for _, code := range reason.Classes {
		class := catalogue.Classes[code]
		known, _ := codeFromName(code)
		p.Classes = append(p.Classes, reasonClass{Title: say(class.Title), Code: code, Next: say(class.Next), Status: reasonStatus(name, known)})
	}
}

// reasonStatus returns the HTTP status of a reason: that of its class, but for the two that HTTP has a word for.
func reasonStatus(name string, class fault.Code) int {
	switch name {
	case "METHOD_NOT_ALLOWED":
		return http.StatusMethodNotAllowed
	case errMediaType.Reason:
		return http.StatusUnsupportedMediaType
	}
	return HTTPStatus(class)
}

func writeReasonPage(w http.ResponseWriter, page *template.Template, shown *reasonPage) {
	var html bytes.Buffer
	if err := page.Execute(&html, shown); err != nil {
		http.Error(w, "The page cannot be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Add("Vary", "Accept-Language")
	w.Header().Set("Content-Language", string(shown.Language))
	fixed(pageType, html.Bytes())(w, nil)
}
