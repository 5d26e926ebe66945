package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Report is the outcome of a run.
type Report struct {
	// OK is true when no promise was violated.
	OK bool `json:"ok"`
	// Seed and Minutes decide the schedule. Command repeats it.
	Seed    uint64 `json:"seed"`
	Minutes int    `json:"minutes"`
	Command string `json:"command"`
	// InjectedSeconds is how long faults were injected.
	InjectedSeconds int64 `json:"injected_seconds"`
	// Acknowledged is the number of different operations that were answered with an outcome.
	// Kills is the number of processes that were killed.
	Acknowledged int64 `json:"acknowledged"`
	Kills        int64 `json:"kills"`
	// Faults is how often each fault was injected. KillsOf is how often each process was
	// killed.
	Faults  map[string]int64 `json:"faults"`
	KillsOf map[string]int64 `json:"kills_of"`
	// Errors are the errors that clients got, by class.
	Errors map[string]map[string]int64 `json:"errors"`
	// Figures are numbers that were measured in the run.
	Figures map[string]int64 `json:"figures"`
	// Recoveries are how long parts took to work again.
	Recoveries map[string]*Recovery `json:"recoveries"`
	// Results has one result for each promise, in the order of their ids.
	Results []Result `json:"results"`
	// Schedule lists the injected faults, one line each, in the order in which they ended.
	Schedule []string `json:"schedule"`
}

// Status says whether a promise held.
type Status string

// The statuses.
const (
	Held          Status = "ok"
	Violated      Status = "VIOLATED"
	NotApplicable Status = "not applicable"
)

// Result is the result of checking one promise.
type Result struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status Status `json:"status"`
	// Checked says what was checked, or why nothing could be checked.
	Checked string `json:"checked"`
	// Count is the number of things that were checked, where they are counted.
	Count int64 `json:"count,omitempty"`
	// Example is the first violation.
	Example string `json:"example,omitempty"`
}

// WriteText writes the report for people, as a page of Markdown.
func (v *Report) WriteText(out io.Writer) error {
	var text strings.Builder
	word := "Every promise held."
	if !v.OK {
		word = "***A promise did not hold.**"
	}
	fmt.Fprintf(&text, "# A run of faults\n\n%s\n\n    %s\n\n", word, v.Command)
	fmt.Fprintf(&text, "%d operations acknowledged and %d processes killed in %d s of faults.\n\n## Promises\n\n| | promise | result | checked |\n|---|---|---|---|\n",
		v.Acknowledged, v.Kills, v.InjectedSeconds)
	for _, j := range v.Results {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", j.ID, j.Name, j.Status, escapeCell(j.Checked))
	}
	for _, j := range v.Results {
		if j.Status == Violated {
			fmt.Fprintf(&text, "\n%s, first violation:\n\n    %s\n", j.ID, strings.ReplaceAll(j.Example, "\n", "\n    "))
		}
	}
	text.WriteString("\n## Recovery\n\n| | times | median | longest | at most |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(v.Recoveries)) {
		r := v.Recoveries[name]
		fmt.Fprintf(&text, "| %s | %d | %d ms | %d ms | %d ms |\n", name, r.Count, r.Median, r.Longest, r.Limit)
	}
	text.WriteString("\n## Faults\n\n| fault | times |\n|---|---|\n")
	writeCounts(&text, v.Faults)
	text.WriteString("\n| killed | times |\n|---|---|\n")
	writeCounts(&text, v.KillsOf)
	text.WriteString("\n## Figures\n\n| | |\n|---|---|\n")
	writeCounts(&text, v.Figures)
	text.WriteString("\n| errors that clients got | | times |\n|---|---|---|\n")
	for _, kind := range slices.Sorted(maps.Keys(v.Errors)) {
		for _, code := range slices.Sorted(maps.Keys(v.Errors[kind])) {
			fmt.Fprintf(&text, "| %s | %s | %d |\n", kind, code, v.Errors[kind][code])
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func writeCounts(text *strings.Builder, numbers map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(numbers)) {
		fmt.Fprintf(text, "| %s | %d |\n", name, numbers[name])
	}
}

// escapeCell makes a text fit for a cell of a table.
func escapeCell(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\n", " "), "|", "/")
}

// WriteJSON writes the report for programs.
func (v *Report) WriteJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	return encoder.Encode(v)
}
