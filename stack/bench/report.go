package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is the result of a run.
type Report struct {
	// Settings are the settings of the database server that affect durability and size.
	Settings []Setting `json:"settings"`
	// Against is the folder of the other build, if two builds were compared.
	Against string   `json:"against,omitempty"`
	Rows    []Result `json:"rows"`
}

// Setting is one setting of the database server.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Result is the result of one row.
type Result struct {
	Name           string     `json:"name"`
	Measures       string     `json:"measures"`
	Figures        []Figure   `json:"figures"`
	ProcessorTimes []TermTime `json:"processor_micros_per_operation,omitempty"`
	// Load is the machine's load average when the row began and when it ended.
	Load string `json:"load"`
	// Seconds is the duration of the row, including its preparation.
	Seconds float64 `json:"seconds"`
	// Error says why figures are missing.
	Error string `json:"error,omitempty"`
}

// Missed names the figures that missed their goal and the rows that failed.
func (r *Report) Missed() []string {
	var missed []string
	for _, row := range r.Rows {
		if row.Error != "" {
			missed = append(missed, row.Name+" (failed)")
		}
		for _, f := range row.Figures {
			if f.Goal != nil && !f.MustReached {
				missed = append(missed, f.Name)
			}
		}
	}
	return missed
}

// PrintJSON writes the report as one JSON document.
func (r *Report) PrintJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Print writes the report as a table, followed by lines for benchstat.
func (r *Report) Print(out io.Writer) error {
	var text strings.Builder
	for _, setting := range r.Settings {
		fmt.Fprintf(&text, "%s=%s ", setting.Name, setting.Value)
	}
	text.WriteString("\n")
	if r.Against != "" {
		fmt.Fprintf(&text, "\nnew is this build, old is the build in %s\n", r.Against)
	}
	for _, row := range r.Rows {
		row.print(&text)
	}
	text.WriteString("\nmedians of the rounds, and from the lowest to the highest; lines for benchstat:\n\n")
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			f.printLines(&text)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (r *Result) print(out io.Writer) {
	fmt.Fprintf(out, "\n%s: %s   (%.0f s, load %s)\n", r.Name, r.Measures, r.Seconds, r.Load)
	for _, f := range r.Figures {
		fmt.Fprintf(out, "  %s, %s\n", f.Name, f.Setting)
		for _, term := range f.Terms {
			fmt.Fprintf(out, "    %-60s %s\n", term.Name, formatValues(term.Values, term.Unit))
		}
		fmt.Fprintf(out, "    %-60s %s   %s\n", "→", formatValues(f.Values, f.Unit), f.goalText())
		if f.Comparison != nil {
			fmt.Fprintf(out, "    round by round: %s\n", formatRounds(f.Values))
		}
	}
	if r.Error != "" {
		fmt.Fprintf(out, "  FAILED: %s\n", r.Error)
	}
	if len(r.ProcessorTimes) > 0 {
		fmt.Fprintf(out, "  %-56s %7s %8s %7s %9s %7s\n", "processor time per operation, µs", "bank", "checkout", "client", "Postgres", "sum")
		for _, s := range r.ProcessorTimes {
			fmt.Fprintln(out, s.line())
		}
	}
}

// formatValues formats the median of values, with the smallest and the largest.
func formatValues(values []float64, unit string) string {
	if len(values) == 0 {
		return "no values"
	}
	digits := 3
	if slices.Max(values) >= 1000 {
		digits = 0
	}
	return fmt.Sprintf("%10.*f %-11s (%.*f … %.*f)", digits, Median(values), unit, digits, slices.Min(values), digits, slices.Max(values))
}

// goalText says what the figure must reach and whether it does.
func (f *Figure) goalText() string {
	if f.Comparison != nil {
		return f.Comparison.text()
	}
	if f.Goal == nil {
		return "for comparison"
	}
	status := "NOT REACHED"
	switch {
	case f.AimReached:
		status = "reached, and the aim"
	case f.MustReached:
		status = "reached"
	}
	return fmt.Sprintf("must be %s %g, aim %g: %s", f.Goal.sign(), f.Goal.Must, f.Goal.Aim, status)
}

// printLines writes one line per round in the format of Go benchmarks.
func (f *Figure) printLines(out io.Writer) {
	for round, value := range f.Values {
		fmt.Fprintf(out, "Benchmark%s 1", f.Name)
		for _, term := range f.Terms {
			if round < len(term.Values) {
				fmt.Fprintf(out, " %.6g %s", term.Values[round], term.Unit)
			}
		}
		fmt.Fprintf(out, " %.6g %s\n", value, f.Unit)
	}
}
