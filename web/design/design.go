// Package design is the design system of all pages: the stylesheet with its custom
// properties, the parts that pages are made of, and what every page's answer has in
// common: security headers, compression, and files under names that never change their
// content. The page /design shows each part in every state.
package design

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed static
var static embed.FS

//go:embed templates
var templates embed.FS

// Theme is the colours of a page.
type Theme string

// The themes. Auto follows the reader's system.
const (
	Auto  Theme = ""
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Page is what the shell of every page needs. Its fields are for the templates "head" and
// "foot".
type Page struct {
	// Title is the title of the document and of the browser's tab.
	Title string
	// Brand is the name in the page's header, and Home where it leads.
	Brand, Home string
	Theme       Theme
	// Language is that of the page, such as pt-BR; empty: English. Skip is the text of the link to the content.
	Language, Skip string
	// Accent is the bank's colour: blue, which is the default, or green.
	Accent string
	// Styles and Scripts are the names of more files of [Assets]. Scripts are modules.
	Styles, Scripts []string
	// Wide pages use up to 1,440 px instead of 1,200 px.
	Wide bool
}

// Chip is a status: an icon and a word, and the reason for it.
type Chip struct {
	// Tone is good, bad, warn, info or plain.
	Tone, Word, Reason string
}

// Icon returns the sign before the chip's word, so that the colour is not the only sign.
func (c Chip) Icon() string {
	switch c.Tone {
	case "good":
		return "✓"
	case "bad":
		return "✕"
	case "warn":
		return "!"
	case "info":
		return "i"
	}
	return "·"
}

// Message is an empty part or an error: what happened, and what to do.
type Message struct {
	// Tone is info for an empty part, and bad or warn for an error.
	Tone, Title, Text string
	// Details is a technical text, such as a server's own reason.
	Details string
	// Trace is the trace id of the request, to copy. Empty: not shown. TraceLabel is the word before it; empty: English.
	Trace, TraceLabel string
	// Link and Action lead to what fills the part or tries again.
	Link, Action string
}

// Icon returns the sign before the title.
func (m Message) Icon() string { return Chip{Tone: m.Tone}.Icon() }

// Kit is the design system, ready to use: files and parts.
type Kit struct {
	assets *Assets
	parts  *template.Template
}

// New returns a kit. Each of more is a folder of files that pages use beside the kit's own,
// and texts are further files by their names.
func New(texts map[string]string, more ...fs.FS) (*Kit, error) {
	own, err := fs.Sub(static, "static")
	if err != nil {
		return nil, err
	}
	assets, err := newAssets(append([]fs.FS{own}, more...))
	if err != nil {
		return nil, err
	}
	for name, text := range texts {
		if err := assets.add(name, []byte(text)); err != nil {
			return nil, err
		}
	}
	k := &Kit{assets: assets}
	k.parts, err = template.New("parts").Funcs(template.FuncMap{"asset": assets.Path}).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("design: %w", err)
	}
	return k, nil
}

// Templates returns a set of templates that has the kit's parts and those of a folder.
func (k *Kit) Templates(folder fs.FS, functions template.FuncMap) (*template.Template, error) {
	set, err := k.parts.Clone()
	if err != nil {
		return nil, fmt.Errorf("design: %w", err)
	}
	if set, err = set.Funcs(functions).ParseFS(folder, "*.html"); err != nil {
		return nil, fmt.Errorf("design: %w", err)
	}
	return set, nil
}

// Files serves the files of the kit below /static/.
func (k *Kit) Files() http.Handler { return k.assets }
