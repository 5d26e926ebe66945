// Package site is what every program of customers' pages shares: sessions in encrypted cookies, forms that only pages of
// the program send, languages, money and dates as people write them, and pages of errors. A program makes a [Site],
// adds its pages and forms, and serves the handler by package serve. A map of the package:
//
//	site.go      the site, and its pages and forms
//	visit.go     one request: what it asks, and its answers
//	guard.go     which requests are let in
//	session.go   sessions; seal.go their encryption
//	token.go     the token in each form, and the ids of commands
//	next.go      where a page may lead
//	language.go  the language of a visitor; words.go the texts
//	money.go     amounts; dates.go days and times
//	problem.go   pages of errors
//	settings.go  flags, and the server
package site

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"codebank.dev/platform/language"
	"codebank.dev/web/design"
)

//go:embed static
var static embed.FS

//go:embed templates
var templates embed.FS

const (
	// maxForm is the most bytes of a form.
	maxForm = 64 << 10
	// pageTime bounds the work for one page.
	pageTime = 15 * time.Second
	// defaultLife is how long a session lasts.
	defaultLife = 12 * time.Hour
)

// Config is what a site needs. Name, Brand, Keys, Words and Templates are required.
type Config struct {
	// Name begins the names of the cookies. It names the program and the bank, because cookies ignore ports:
	// banking-001.
	Name string
	// Brand is the name in the header, and Accent the colour: see design.Page.
	Brand, Accent string
	Keys          *Keys
	// Words are the texts of the program's pages, with the same keys in every language.
	Words map[language.Tag]Words
	// Templates and Static are folders of the program's own. Static may be nil.
	Templates, Static fs.FS
	// Functions are more functions of the templates. They may be nil.
	Functions template.FuncMap
	// Styles and Scripts are names of more files, for every page.
	Styles, Scripts []string
	// SignIn is the path of the page to which a visitor goes whose sign-in has ended; empty for a site without any.
	SignIn string
	// Tabs returns the navigation of a page, and SignedIn whether the page offers to sign out. Both may be nil.
	Tabs     func(*Visit) []design.Tab
	SignedIn func(*Visit) bool
	// Life is how long a session lasts. Default: 12 hours.
	Life time.Duration
	// Zone is where days begin. Default: UTC.
	Zone *time.Location
	// Logger gets what fails. Default: slog.Default().
	Logger *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// withDefaults returns the config with defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.Life <= 0 {
		c.Life = defaultLife
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Handler answers one visit: it shows a page, or leads to another one. An error becomes a page of its own.
type Handler func(*Visit) error

// Site is the pages of a program. Add pages and forms before the first request. It is safe for concurrent use
// afterwards.
type Site struct {
	config Config
	kit    *design.Kit
	mux    *http.ServeMux
	words  map[language.Tag]Words
	pages  map[language.Tag]*template.Template
	origin *http.CrossOriginProtection
}

// New returns a site with the pages that all programs have: files, the choice of a language, and /design. It is an error
// if a text is missing in a language, or a template needs one that there is not.
func New(config Config) (*Site, error) {
	config = config.withDefaults()
	if config.Keys == nil || config.Name == "" {
		return nil, errors.New("site: a site needs a name and keys")
	}
	s := &Site{
		config: config, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(),
		words: make(map[language.Tag]Words), pages: make(map[language.Tag]*template.Template),
	}
	if err := s.prepare(); err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	s.mux.Handle("GET /static/", design.Compress(s.kit.Files()))
	s.Form("/language", s.chooseLanguage)
	s.Page("/design", showDesign)
	s.mux.Handle("/", design.Compress(s.visited(func(*Visit) error { return errNoPage })))
	return s, nil
}

// prepare reads words, files and templates.
func (s *Site) prepare() error {
	own, err := fs.Sub(static, "static")
	if err != nil {
		return err
	}
	files := []fs.FS{own}
	if s.config.Static != nil {
		files = append(files, s.config.Static)
	}
	if s.kit, err = design.New(nil, files...); err != nil {
		return err
	}
	frame, err := fs.Sub(templates, "templates")
	if err != nil {
		return err
	}
	folders := []fs.FS{frame}
	if s.config.Templates != nil {
		folders = append(folders, s.config.Templates)
	}
	for tag, own := range ownWords {
		s.words[tag] = own.with(s.config.Words[tag])
	}
	if err := checkWords(s.words, folders); err != nil {
		return err
	}
	for tag := range s.words {
		if s.pages[tag], err = s.templatesOf(tag, folders); err != nil {
			return err
		}
	}
	return nil
}

// templatesOf returns the templates of all folders in a language.
func (s *Site) templatesOf(tag language.Tag, folders []fs.FS) (*template.Template, error) {
	functions := template.FuncMap{"t": s.words[tag].say, "list": func(of ...any) []any { return of }}
	for name, function := range s.config.Functions {
		functions[name] = function
	}
	set, err := s.kit.Templates(folders[0], functions)
	for _, folder := range folders[1:] {
		if err == nil {
			set, err = set.ParseFS(folder, "*.html")
		}
	}
	return set, err
}

// Page adds a page at a path, such as /accounts/{account}.
func (s *Site) Page(path string, handle Handler) {
	s.mux.Handle("GET "+path, design.Compress(s.visited(handle)))
}

// Form adds what a form of this site is sent to. Requests of other origins and without the token of the session are
// answered by a page that says that nothing was done.
func (s *Site) Form(path string, handle Handler) {
	s.mux.Handle("POST "+path, design.Compress(s.visited(guarded(handle))))
}

// Download adds a path with an answer that is no page. The handler writes it by Visit.Writer, and its errors before the
// first byte become pages.
func (s *Site) Download(path string, handle Handler) { s.mux.Handle("GET "+path, s.visited(handle)) }

// Handler returns the handler of all pages. Names of hosts are checked by the server in front of it; see Listen.
func (s *Site) Handler() http.Handler {
	return design.Secure(s.mux, nil, s.refuse, design.Forms(), design.AnyHost())
}

// visited makes a visit of a request.
func (s *Site) visited(handle Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), pageTime)
		defer cancel()
		w.Header().Set("Cache-Control", "no-store")
		v := &Visit{site: s, w: w, r: r.WithContext(ctx)}
		v.language = s.languageOf(r)
		v.session = s.sessionOf(r)
		switch err := handle(v); {
		case errors.Is(err, ErrCut):
			mustCut()
		case err != nil:
			v.fail(err)
		}
	})
}

// ErrCut says that a part of an answer was sent, and the rest cannot be: the connection is cut, so that nobody takes the
// part for the whole.
var ErrCut = errors.New("site: the answer was cut off")

// mustCut lets the standard library cut the connection.
func mustCut() { panic(http.ErrAbortHandler) }

// refuse answers a request that no page makes.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, status int) {
	s.visited(func(*Visit) error { return &problem{status: status, key: "problem.method"} }).ServeHTTP(w, r)
}
