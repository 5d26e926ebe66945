package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Verdict is the outcome of a run.
type Verdict struct {
	// OK is true when nothing was violated.
	OK bool `json:"ok"`
	// Seed and Minutes decide the schedule, and Command repeats it.
	Seed    uint64 `json:"seed"`
	Minutes int    `json:"minutes"`
	Command string `json:"command"`
	// InjectedSeconds is how long faults were injected.
	InjectedSeconds int64 `json:"injected_seconds"`
	// Acknowledged is how many different operations were answered with an outcome, Kills
	// how many processes were killed.
	Acknowledged int64 `json:"acknowledged"`
	Kills        int64 `json:"kills"`
	// Faults is how often each was injected, KillsOf how often each process was killed.
	Faults  map[string]int64 `json:"faults"`
	KillsOf map[string]int64 `json:"kills_of"`
	// Errors are what clients were told beside answers, by class.
	Errors map[string]map[string]int64 `json:"errors"`
	// Figures are numbers that were seen on the way.
	Figures map[string]int64 `json:"figures"`
	// Recoveries are how long things took to work again.
	Recoveries map[string]*Recovery `json:"recoveries"`
	// Judgements are one for each promise, in the order of their names.
	Judgements []Judgement `json:"judgements"`
	// Schedule is what was injected, a line each, in the order in which it ended.
	Schedule []string `json:"schedule"`
}

// Ruling is what became of a promise.
type Ruling string

// The rulings.
const (
	Held          Ruling = "ok"
	Violated      Ruling = "VIOLATED"
	NotApplicable Ruling = "not applicable"
)

// Judgement is what became of one promise, and what it rests on.
type Judgement struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Ruling Ruling `json:"ruling"`
	// Looked says what was looked at, or why there was nothing to look at.
	Looked string `json:"looked_at"`
	// Count is how many things were looked at, where that is counted.
	Count int64 `json:"count,omitempty"`
	// Example is the first thing that should not be.
	Example string `json:"example,omitempty"`
}

// WriteText writes the verdict for people, as a page of Markdown.
func (v *Verdict) WriteText(out io.Writer) error {
	var text strings.Builder
	word := "Everything that was promised held."
	if !v.OK {
		word = "**Something that was promised did not hold.**"
	}
	fmt.Fprintf(&text, "# A run of faults\n\n%s\n\n    %s\n\n", word, v.Command)
	fmt.Fprintf(&text, "%d operations acknowledged and %d processes killed in %d s of faults.\n\n## Promises\n\n| | promise | | looked at |\n|---|---|---|---|\n",
		v.Acknowledged, v.Kills, v.InjectedSeconds)
	for _, j := range v.Judgements {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", j.ID, j.Name, j.Ruling, cell(j.Looked))
	}
	for _, j := range v.Judgements {
		if j.Ruling == Violated {
			fmt.Fprintf(&text, "\n%s, first counter-example:\n\n    %s\n", j.ID, strings.ReplaceAll(j.Example, "\n", "\n    "))
		}
	}
	text.WriteString("\n## Recovery\n\n| | times | median | longest | at most |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(v.Recoveries)) {
		r := v.Recoveries[name]
		fmt.Fprintf(&text, "| %s | %d | %d ms | %d ms | %d ms |\n", name, r.Count, r.Median, r.Longest, r.Limit)
	}
	text.WriteString("\n## Faults\n\n| fault | times |\n|---|---|\n")
	counts(&text, v.Faults)
	text.WriteString("\n| killed | times |\n|---|---|\n")
	counts(&text, v.KillsOf)
	text.WriteString("\n## Figures\n\n| | |\n|---|---|\n")
	counts(&text, v.Figures)
	text.WriteString("\n| what clients were told | | times |\n|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(v.Errors)) {
		for _, code := range slices.Sorted(maps.Keys(v.Errors[kind])) {
			fmt.Fprintf(&text, "| %s | %s | %d |\n", kind, code, v.Errors[kind][code])
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func counts(text *strings.Builder, numbers map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		fmt.Fprintf(text, "| %s | %d |\n", name, numbers[name])
	}
}

// cell makes a text fit for a cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", "/")
}

// WriteJSON writes the verdict for programs.
func (v *Verdict) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	return encoder.Encode(v)
}
