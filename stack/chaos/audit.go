package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// auditReport holds the members of the report of `bankctl audit` that this package reads.
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

// auditTimeout bounds the wait until every event is in every copy. An event that is missing
// after it is a finding.
const auditTimeout = "10m"

// audit runs `bankctl audit`, which compares the five places event by event. Each finding of
// the audit is reported under the promises that it breaks.
func (r *run) audit(ctx context.Context) (*auditReport, error) {
	var out bytes.Buffer
	failure := r.system.stack.Bankctl(ctx, &out, "audit",
		"--wait", auditTimeout, "--output", "json", "--temp-dir", r.system.stack.Dir())
	var report auditReport
	if err := json.NewDecoder(bytes.NewReader(out.Bytes())).Decode(&report); err != nil {
		return nil, fmt.Errorf("the audit's report cannot be read: %w: %s", failure, out.String())
	}
	if failure == nil && !report.Equal {
		return nil, fmt.Errorf("the audit found differences and exited with status 0")
	}
	for _, tally := range report.Tallies {
		for _, invariant := range auditInvariants[tally.Kind] {
			r.load.observed.report(invariant, "the audit: %d %s in %v, first %s", tally.Findings, tally.Kind, tally.Store, report.first())
		}
	}
	return &report, nil
}

// auditInvariants lists, for each kind of finding of the audit, the promises that the finding
// breaks.
var auditInvariants = map[string][]string{
	"missing": {"I3", "I6", "I9"}, "doubled": {"I6", "I9"}, "altered": {"I9"}, "foreign": {"I4", "I9"},
	"out of order": {"I7"}, "broken": {"I8"}, "waiting": {"I3"},
}

func (a *auditReport) first() string {
	if len(a.Findings) == 0 {
		return "none shown"
	}
	return string(a.Findings[0])
}

// describe returns the audit in one line.
func (a *auditReport) describe() string {
	var places []string
	for _, p := range a.Places {
		places = append(places, fmt.Sprintf("%v %d events (%d repeats), digest %.12s", p.Store, p.Events, p.Repeats, p.Digest))
	}
	return fmt.Sprintf("%d events of %d accounts and %d refusals; %s", a.Events, a.Accounts, a.Refusals, strings.Join(places, "; "))
}

// repeats returns how many extra copies of events the topic holds.
func (a *auditReport) repeats() (sum int64) {
	for _, p := range a.Places {
		sum += p.Repeats
	}
	return sum
}
