package svg

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
	"strings"

	"codebank.dev/dashboards/draw/picture"
)

// painter writes the colours of marks: as classes for a page, as attributes for a file.
type painter interface {
	// root writes the attributes of the svg element, and ground what lies below the marks.
	root(w *writer, p picture.Picture)
	ground(w *writer, p picture.Picture)
	// paint writes the colours of a mark. interactive marks are left out of files.
	paint(w *writer, m picture.Mark)
	interactive() bool
}

// page paints with classes.
type page struct{}

func (page) root(w *writer, p picture.Picture) { w.attribute("class", "chart chart-"+string(p.Kind)) }

func (page) ground(*writer, picture.Picture) {}

func (page) interactive() bool { return true }

func (page) paint(w *writer, m picture.Mark) {
	classes := []string{m.Class}
	if m.Paint != "" {
		classes = append(classes, class(m.Paint))
	}
	switch {
	case m.Stroke > 0:
		classes = append(classes, "stroke")
	case m.Paint != "":
		classes = append(classes, "fill")
	}
	if m.Ring {
		classes = append(classes, "ring")
	}
	w.attribute("class", strings.Join(classes, " "))
}

// class returns the class of a paint: series-approved, paint-text.
func class(p picture.Paint) string {
	if strings.HasPrefix(string(p), "series-") {
		return string(p)
	}
	return "paint-" + string(p)
}

// alone paints with the colours of a theme.
type alone struct{ theme picture.Theme }

func (a alone) root(w *writer, _ picture.Picture) {
	w.attribute("xmlns", "http://www.w3.org/2000/svg")
	w.attribute("font-family", "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif")
}

func (a alone) ground(w *writer, p picture.Picture) {
	w.open("rect")
	w.number("width", p.Width)
	w.number("height", p.Height)
	w.attribute("fill", a.theme.Colour(picture.Raised).String())
	w.end()
}

func (alone) interactive() bool { return false }

func (a alone) paint(w *writer, m picture.Mark) {
	if m.Stroke > 0 {
		w.attribute("fill", "none")
		w.attribute("stroke", a.theme.Colour(m.Paint).String())
		return
	}
	w.attribute("fill", a.theme.Colour(m.Paint).String())
	if m.Ring {
		w.attribute("stroke", a.theme.Colour(picture.Raised).String())
	}
}

// write writes a picture.
func write(p picture.Picture, by painter, id string) []byte {
	w := &writer{}
	w.open("svg")
	by.root(w, p)
	w.number("width", p.Width)
	w.number("height", p.Height)
	w.attribute("viewBox", "0 0 "+number(p.Width)+" "+number(p.Height))
	w.attribute("role", "img")
	id = safe(id)
	w.attribute("aria-labelledby", id+"-title "+id+"-desc")
	w.content()
	w.element("title", id+"-title", p.Title)
	w.element("desc", id+"-desc", p.Text)
	by.ground(w, p)
	for _, m := range p.Marks {
		w.mark(m, by)
	}
	w.text.WriteString("</svg>\n")
	return w.text.Bytes()
}

// safe returns a text that may be an id: letters, digits, hyphens and underscores.
func safe(id string) string {
	id = strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, id)
	return "chart-" + id
}

// writer writes elements.
type writer struct{ text bytes.Buffer }

func (w *writer) open(name string) { w.text.WriteString("<" + name) }

func (w *writer) attribute(name, value string) {
	w.text.WriteString(" " + name + `="`)
	w.escaped(value)
	w.text.WriteString(`"`)
}

func (w *writer) number(name string, value float64) { w.attribute(name, number(value)) }

func (w *writer) content() { w.text.WriteString(">") }

func (w *writer) end() { w.text.WriteString("/>") }

// escaped writes text that is safe in attributes and in content. What XML does not allow is
// replaced.
func (w *writer) escaped(text string) {
	// The error is that of the buffer, which has none.
	_ = xml.EscapeText(&w.text, []byte(text))
}

func (w *writer) element(name, id, text string) {
	w.open(name)
	if id != "" {
		w.attribute("id", id)
	}
	w.content()
	w.escaped(text)
	w.text.WriteString("</" + name + ">")
}

// number writes a coordinate with at most two decimals.
func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		v = 0
	}
	text := strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	if text == "-0" {
		return "0"
	}
	return text
}

// tags are the elements of the forms.
var tags = map[picture.Form]string{
	picture.Box: "rect", picture.Path: "path", picture.Circle: "circle", picture.Text: "text", picture.Group: "g",
}

func (w *writer) mark(m picture.Mark, by painter) {
	if m.Form == picture.Group && !by.interactive() {
		return
	}
	tag := tags[m.Form]
	w.open(tag)
	by.paint(w, m)
	w.shape(m)
	if m.Text == "" && m.Title == "" && len(m.Marks) == 0 {
		w.end()
		return
	}
	w.content()
	if m.Title != "" {
		w.element("title", "", m.Title)
	}
	w.escaped(m.Text)
	for _, part := range m.Marks {
		w.mark(part, by)
	}
	w.text.WriteString("</" + tag + ">")
}

// shape writes the attributes of a form.
func (w *writer) shape(m picture.Mark) {
	switch m.Form {
	case picture.Box:
		w.number("x", m.X)
		w.number("y", m.Y)
		w.number("width", max(0, m.W))
		w.number("height", max(0, m.H))
	case picture.Circle:
		w.number("cx", m.X)
		w.number("cy", m.Y)
		w.number("r", m.R)
	case picture.Path:
		w.attribute("d", path(m.Steps))
	case picture.Text:
		w.number("x", m.X)
		w.number("y", m.Y)
		w.number("font-size", m.Size)
		if m.Bold {
			w.attribute("font-weight", "600")
		}
		if m.Anchor != picture.Start {
			w.attribute("text-anchor", string(m.Anchor))
		}
	}
	if m.Stroke > 0 {
		w.number("stroke-width", m.Stroke)
		if m.Class == "line" || m.Class == "line incomplete" {
			w.attribute("stroke-linejoin", "round")
		}
	}
	if m.Dashed {
		w.attribute("stroke-dasharray", "4 3")
	}
	if m.Opacity > 0 {
		w.number("opacity", m.Opacity)
	}
}

func path(steps []picture.Step) string {
	var d strings.Builder
	for _, s := range steps {
		d.WriteByte(s.Op)
		switch s.Op {
		case 'C':
			d.WriteString(number(s.X1) + " " + number(s.Y1) + " " + number(s.X2) + " " + number(s.Y2) + " " + number(s.X) + " " + number(s.Y))
		case 'M', 'L':
			d.WriteString(number(s.X) + " " + number(s.Y))
		}
	}
	return d.String()
}
