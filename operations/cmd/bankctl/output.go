package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"codebank.dev/operations/provision"
)

// object writes one object as a line of JSON.
func (a *application) object(object any) error {
	encoder := json.NewEncoder(a.streams.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(object)
}

// json reports whether objects are asked for instead of tables.
func (a *application) json() bool { return a.output == "json" }

// table writes rows under a heading. What the cells hold may come from anywhere.
func (a *application) table(heading []string, rows [][]string) error {
	writer := tabwriter.NewWriter(a.streams.out, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = harmless(strings.ReplaceAll(cell, "\n", " "))
		}
		fmt.Fprintln(writer, strings.TrimRight(strings.Join(cells, "\t"), "\t"))
	}
	return writer.Flush()
}

// result writes one result of provisioning as it comes.
func (a *application) result(result provision.Result) {
	if a.json() {
		_ = a.object(result)
		return
	}
	action := fmt.Sprintf("%-9s", result.Action)
	if a.colours() {
		action = colour(result.Action) + action + "\x1b[0m"
	}
	line := fmt.Sprintf("%-9s  %-34s  %s  %s", result.Kind, harmless(result.Name), action, harmless(result.Detail))
	fmt.Fprintln(a.streams.out, strings.TrimRight(line, " "))
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

// colours reports whether colours are welcome: on a terminal that knows them, unless
// NO_COLOR is set to anything (no-color.org).
func (a *application) colours() bool {
	if a.variable("NO_COLOR") != "" || a.variable("TERM") == "dumb" {
		return false
	}
	return isTerminal(a.streams.out)
}

// variable returns a variable of the environment.
func (a *application) variable(name string) string {
	at := slices.IndexFunc(a.environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
	if at < 0 {
		return ""
	}
	return a.environ[at][len(name)+1:]
}

func isTerminal(writer io.Writer) bool {
	file, ok := writer.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// harmless replaces what a terminal would obey.
func harmless(text string) string {
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
