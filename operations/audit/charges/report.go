package charges

import (
	"fmt"
	"strings"
	"time"
)

// The kinds of findings.
const (
	// Missing is a change that the index does not have.
	Missing = "missing"
	// Surplus is a document that the database does not have.
	Surplus = "surplus"
	// Altered is a document with another content.
	Altered = "altered"
)

// Finding is what is wrong with one change.
type Finding struct {
	Kind     string `json:"kind"`
	EventID  string `json:"event_id"`
	Merchant string `json:"merchant_id"`
	Mode     string `json:"mode"`
	Sequence int64  `json:"sequence"`
	Detail   string `json:"detail"`
}

// Report is the outcome of a comparison.
type Report struct {
	Equal bool `json:"equal"`
	// Before is the moment up to which was compared, exclusive.
	Before time.Time `json:"before"`
	// Changes is how many changes the database has, and Documents how many documents the index.
	Changes   int64 `json:"changes"`
	Documents int64 `json:"documents"`
	// Charges and Refunds are counts and sums by merchant, mode, state and currency.
	Charges []Figure `json:"charges"`
	Refunds []Figure `json:"refunds"`
	// FindingCount is how many findings there are; Findings are the first of them.
	FindingCount int64     `json:"finding_count"`
	Findings     []Finding `json:"findings"`
}

// comparison is what a Run knows.
type comparison struct {
	report           Report
	most             int
	charges, refunds figures
}

func (c *comparison) find(kind string, change *Change, detail string) {
	if c.report.FindingCount++; len(c.report.Findings) < c.most {
		c.report.Findings = append(c.report.Findings, Finding{
			Kind: kind, EventID: change.EventID, Merchant: change.Merchant, Mode: change.Mode, Sequence: change.Sequence, Detail: detail,
		})
	}
}

func (c *comparison) end() *Report {
	r := &c.report
	r.Charges, r.Refunds, r.Equal = c.charges.list(), c.refunds.list(), r.FindingCount == 0
	return r
}

// Table returns the report for people. It ends with the line that says whether the places are equal.
func (r *Report) Table() string {
	var text strings.Builder
	fmt.Fprintf(&text, "charges before %s: %d changes in the database, %d documents in the index\n", r.Before.UTC().Format(time.RFC3339), r.Changes, r.Documents)
	for _, part := range []struct {
		name string
		of   []Figure
	}{{"charges", r.Charges}, {"refunds", r.Refunds}} {
		for _, f := range part.of {
			fmt.Fprintf(&text, "%s of %s %s %s: %d, %d %s", part.name, f.Merchant, f.Mode, f.State, f.Database.Count, f.Database.Minor, f.Currency)
			if f.Database != f.Index {
				fmt.Fprintf(&text, ", and in the index %d, %d %s", f.Index.Count, f.Index.Minor, f.Currency)
			}
			text.WriteByte('\n')
		}
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&text, "%s %s of %s %s, sequence %d: %s\n", strings.ToUpper(f.Kind), f.EventID, f.Merchant, f.Mode, f.Sequence, f.Detail)
	}
	if r.Equal {
		return text.String() + "audit charges: equal\n"
	}
	return text.String() + fmt.Sprintf("audit charges: DIFFERENT (%d findings)\n", r.FindingCount)
}
