// Package output writes the results of an operator's command: as a table for people, or as
// JSON with one object a line. It replaces control characters in the texts of
// other services, so that they cannot control the terminal.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"codebank.dev/operations/provision"
)

// Printer writes results. It is for one goroutine.
type Printer struct {
	out     io.Writer
	json    bool
	environ []string
}

// New returns a printer that writes JSON or tables to out. environ holds the variables that
// describe a terminal, as os.Environ returns them.
func New(out io.Writer, json bool, environ []string) *Printer {
	return &Printer{out: out, json: json, environ: environ}
}

// JSON reports whether the printer writes objects instead of tables.
func (p *Printer) JSON() bool { return p.json }

// Object writes one object as a line of JSON.
func (p *Printer) Object(object any) error {
	encoder := json.NewEncoder(p.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(object)
}

// Text writes a text.
func (p *Printer) Text(text string) error {
	_, err := io.WriteString(p.out, text)
	return err
}

// Table writes rows under a heading. The cells may hold any text.
func (p *Printer) Table(heading []string, rows [][]string) error {
	writer := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = Harmless(strings.ReplaceAll(cell, "\n", " "))
		}
		fmt.Fprintln(writer, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return writer.Flush()
}

// List writes items: in JSON an object for each item, otherwise a table with the rows that
// rowsOf returns for each item.
func List[T any](p *Printer, items []T, heading []string, rowsOf func(T) [][]string) error {
	var rows [][]string
	for _, item := range items {
		if p.json {
			if err := p.Object(item); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, rowsOf(item)...)
	}
	if p.json {
		return nil
	}
	return p.Table(heading, rows)
}

// Result writes one result of provisioning.
func (p *Printer) Result(result provision.Result) {
	if p.json {
		_ = p.Object(result)
		return
	}
	action := fmt.Sprintf("%-9s", result.Action)
	if p.Colours() {
		action = colour(result.Action) + action + "\x1b[0m"
	}
	line := fmt.Sprintf("%-9s  %-34s  %s  %s", result.Kind, Harmless(result.Name), action, Harmless(result.Detail))
	fmt.Fprintln(p.out, strings.TrimRight(line, " "))
}

func colour(action provision.Action) string {
	switch action {
	case provision.Created:
		return "\x1b[32m"
	case provision.Updated:
		return "\x1b[33m"
	}
	return "\x1b[2m"
}

// Harmless replaces the control characters of a text, which a terminal would obey.
func Harmless(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		if r == '\t' {
			return ' '
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
