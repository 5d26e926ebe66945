package site

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"codebank.dev/platform/language"
	"codebank.dev/platform/serve"
	"codebank.dev/web/design"
)

// Visit is one request of a page or of a form, and its answer. It is for one goroutine.
type Visit struct {
	site     *Site
	w        http.ResponseWriter
	r        *http.Request
	language language.Tag
	session  *session
	tab      string
}

// Context returns the context of the visit's calls to other programs.
func (v *Visit) Context() context.Context { return v.r.Context() }

// SetContext replaces the context of the visit's calls.
func (v *Visit) SetContext(ctx context.Context) { v.r = v.r.WithContext(ctx) }

// Request returns the request.
func (v *Visit) Request() *http.Request { return v.r }

// Writer returns where an answer that is no page is written to. The session is sent first.
func (v *Visit) Writer() (http.ResponseWriter, error) { return v.w, v.keep() }

// Now returns the time.
func (v *Visit) Now() time.Time { return v.site.config.Now() }

// Language returns the language of the visitor.
func (v *Visit) Language() language.Tag { return v.language }

// Say returns a text of the site in the language of the visitor. Its parts stand for %s and %d.
func (v *Visit) Say(key string, parts ...any) string {
	text, err := v.site.words[v.language].say(key, parts...)
	if err != nil {
		v.site.config.Logger.LogAttrs(v.Context(), slog.LevelError, "a text is missing", slog.Any("error", err))
		return key
	}
	return text
}

// Path returns a part of the path that the pattern names, such as account.
func (v *Visit) Path(name string) string { return v.r.PathValue(name) }

// Value returns a field of the form or, of a page, a parameter of the query, without spaces around it. It is "" if there
// is none.
func (v *Visit) Value(name string) string {
	if v.isRead() {
		return strings.TrimSpace(v.r.URL.Query().Get(name))
	}
	return strings.TrimSpace(v.r.PostForm.Get(name))
}

// isRead reports whether the visit is of a page, and not of a form.
func (v *Visit) isRead() bool { return v.r.Method == http.MethodGet || v.r.Method == http.MethodHead }

// Secret returns a field of a form as it was written, such as a password.
func (v *Visit) Secret(name string) string { return v.r.PostForm.Get(name) }

// Next returns the path of this site to which the field or parameter "next" leads; other if it leads nowhere here.
func (v *Visit) Next(other string) string {
	if next := LocalPath(v.Value("next")); next != "" {
		return next
	}
	return other
}

// Here returns the path and the query of a page; "" for a form, which is not shown again.
func (v *Visit) Here() string {
	if !v.isRead() {
		return ""
	}
	return LocalPath(v.r.URL.RequestURI())
}

// Tab says which entry of the navigation the page belongs to.
func (v *Visit) Tab(name string) { v.tab = name }

// CurrentTab returns what Tab has said.
func (v *Visit) CurrentTab() string { return v.tab }

// Redirect leads to a path of this site, by GET.
func (v *Visit) Redirect(path string) error {
	if path = LocalPath(path); path == "" {
		path = "/"
	}
	if err := v.keep(); err != nil {
		return err
	}
	v.w.Header().Set("Location", path)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// Page is what a handler shows.
type Page struct {
	// Template is the name of the template, and Title that of the browser's tab.
	Template, Title string
	// Data is what the template has as .Data.
	Data any
	// Status is that of HTTP; 0 means 200.
	Status int
}

// Show answers with a page. A template that fails becomes an error and not half a page.
func (v *Visit) Show(page Page) error {
	shown := &view{visit: v, Page: v.shell(page.Title), Data: page.Data}
	var text bytes.Buffer
	if err := v.site.pages[v.language].ExecuteTemplate(&text, page.Template, shown); err != nil {
		return err
	}
	if err := v.keep(); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", string(v.language))
	v.w.Header().Add("Vary", "Cookie, Accept-Language")
	if page.Status != 0 {
		v.w.WriteHeader(page.Status)
	}
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(text.Bytes())
	}
	return nil
}

func (v *Visit) shell(title string) design.Page {
	c := &v.site.config
	return design.Page{
		Title: title, Brand: c.Brand, Home: "/", Accent: c.Accent, Language: string(v.language), Skip: v.Say("skip"),
		Styles: append([]string{"pages.css"}, c.Styles...), Scripts: append([]string{"site.js"}, c.Scripts...),
	}
}

// Trace returns the trace id of the visit.
func (v *Visit) Trace() string { return serve.TraceID(v.Context()) }

// view is what templates see.
type view struct {
	design.Page
	Data  any
	visit *Visit
}

// Token returns the token of a form, and begins a session for a visitor without any.
func (v *view) Token() string { return formToken(v.visit.own()) }

// Request returns an id for a form that gives a new command.
func (v *view) Request() string { return NewRequestID() }

// Here returns the path of the page, to come back to it.
func (v *view) Here() string { return v.visit.Here() }

// Tabs returns the navigation.
func (v *view) Tabs() []design.Tab {
	if v.visit.site.config.Tabs == nil {
		return nil
	}
	return v.visit.site.config.Tabs(v.visit)
}

// SignedIn reports whether the visitor has signed in.
func (v *view) SignedIn() bool {
	return v.visit.site.config.SignedIn != nil && v.visit.site.config.SignedIn(v.visit)
}

// Languages returns the languages to choose from.
func (v *view) Languages() []LanguageChoice { return v.visit.languages() }
