package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// auditReport is what `bankctl audit` says, as far as it is judged here.
type auditReport struct {
	Equal    bool  `json:"equal"`
	Accounts int64 `json:"accounts"`
	Refusals int64 `json:"refusals"`
	Events   int64 `json:"events"`
	Places   []struct {
		Store      any    `json:"store"`
		Events     int64  `json:"events"`
		Repeats    int64  `json:"repeats"`
		Unreadable int64  `json:"unreadable"`
		Digest     string `json:"digest"`
	} `json:"places"`
	Tallies []struct {
		Kind     string `json:"kind"`
		Store    any    `json:"store"`
		Findings int64  `json:"findings"`
	} `json:"tallies"`
	Findings    []json.RawMessage `json:"findings"`
	DeadLetters []struct {
		Topic   string `json:"topic"`
		Records int64  `json:"records"`
	} `json:"dead_letters"`
}

// auditPatience is how long the pipes may take to bring everything to its place
// before what is missing counts.
const auditPatience = "10m"

// audit has the five places compared by the operators' tool.
func (r *run) audit(ctx context.Context) (*auditReport, error) {
	var out bytes.Buffer
	failure := r.system.stack.Bankctl(ctx, &out, "audit",
		"--wait", auditPatience, "--output", "json", "--temp-dir", r.system.stack.Dir())
	var report auditReport
	if err := json.NewDecoder(bytes.NewReader(out.Bytes())).Decode(&report); err != nil {
		return nil, fmt.Errorf("the audit said nothing that could be read: %w: %s", failure, out.String())
	}
	if failure == nil && !report.Equal {
		return nil, fmt.Errorf("the audit found differences and ended as if it had not")
	}
	for _, tally := range report.Tallies {
		for _, invariant := range auditInvariants[tally.Kind] {
			r.load.seen.report(invariant, "the audit: %d %s in %v, first %s", tally.Findings, tally.Kind, tally.Store, report.first())
		}
	}
	return &report, nil
}

// auditInvariants says which promises a finding of the audit breaks.
var auditInvariants = map[string][]string{
	"missing": {"I3", "I6", "I9"}, "doubled": {"I6", "I9"}, "altered": {"I9"}, "foreign": {"I4", "I9"},
	"out of order": {"I7"}, "broken": {"I8"},
}

func (a *auditReport) first() string {
	if len(a.Findings) == 0 {
		return "none told"
	}
	return string(a.Findings[0])
}

// describe is the audit in a line.
func (a *auditReport) describe() string {
	var places []string
	for _, p := range a.Places {
		places = append(places, fmt.Sprintf("%v %d events (%d repeats), digest %.12s", p.Store, p.Events, p.Repeats, p.Digest))
	}
	return fmt.Sprintf("%d events of %d accounts and %d refusals; %s", a.Events, a.Accounts, a.Refusals, strings.Join(places, "; "))
}

// repeats is how many further copies of events the topic holds.
func (a *auditReport) repeats() (sum int64) {
	for _, p := range a.Places {
		sum += p.Repeats
	}
	return sum
}
