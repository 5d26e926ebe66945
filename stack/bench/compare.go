package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"codebank.dev/stack/launch"
)

const (
	// otherDatabase is the ledger with all cards of the other build, which has made it itself.
	otherDatabase = "bench_cards_other"
	// minConfidence is the least confidence of the interval of a comparison.
	minConfidence = 0.95
)

// ownTerms are the rows that can compare two builds, with the term that each build is measured
// by: the bank's own term of the row.
var ownTerms = map[string]func(*bank) term{
	"purchases": (*bank).unaryTerm,
	"bulk":      (*bank).bulkTerm,
	"hot":       (*bank).hotTerm,
}

// rows returns the table of measurements. If another build is given, these are the rows that can
// compare two builds, and Against becomes an absolute path.
func (o *Options) rows() ([]row, error) {
	if o.Against == "" {
		return rows(), nil
	}
	folder, err := filepath.Abs(o.Against)
	if err != nil {
		return nil, err
	}
	o.Against = folder
	program, err := os.Stat(filepath.Join(folder, launch.Bank))
	if err != nil || !program.Mode().IsRegular() {
		return nil, fmt.Errorf("--against %s has no program %s; build it in the other checkout with: go build -o %s/ ./bank/cmd/bank",
			folder, launch.Bank, folder)
	}
	var table []row
	for _, measured := range rows() {
		own := ownTerms[measured.name]
		if own == nil {
			continue
		}
		name := "Compare" + strings.ToUpper(measured.name[:1]) + measured.name[1:]
		table = append(table, row{
			name: measured.name, description: "the bank's own term with this build, against the same with the other build", needs: databaseOnly,
			run: func(w *workbench, ctx context.Context) ([]Figure, error) { return w.compare(ctx, name, own) },
		})
	}
	return table, nil
}

// build is a build of the bank with a ledger that it has made itself.
type build struct {
	// name is for people, unit for the rate of its term.
	name, unit string
	// folder holds its program; empty means this build.
	folder string
	// template is the database with its cards.
	template string
	cards    []card
}

// builds returns this build and the other one. The other build issues cards at the first call.
func (w *workbench) builds(ctx context.Context) ([]build, error) {
	if w.other == nil {
		other := build{name: "the other build", unit: "old/s", folder: w.options.Against, template: otherDatabase}
		var err error
		if other.cards, err = w.issueCards(ctx, bankStart{folder: other.folder, database: other.template, plain: launch.Operator}); err != nil {
			return nil, fmt.Errorf("the build in %s: %w", other.folder, err)
		}
		w.other = &other
	}
	return []build{{name: "this build", unit: "new/s", template: cardsDatabase, cards: w.cards}, *w.other}, nil
}

// compare measures a term with both builds, in turn. Each build has a new ledger of its own on
// the same server. The ratio is above 1 if this build is faster.
func (w *workbench) compare(ctx context.Context, name string, own func(*bank) term) (figures []Figure, err error) {
	builds, err := w.builds(ctx)
	if err != nil {
		return nil, err
	}
	var banks []*bank
	defer func() {
		for _, b := range banks {
			err = errors.Join(err, b.remove(ctx))
		}
	}()
	var terms []term
	for i, build := range builds {
		database := fmt.Sprintf("bench_build_%d", i)
		if err := w.copyLedger(ctx, build.template, database); err != nil {
			return nil, err
		}
		b, err := w.start(ctx, bankStart{
			folder: build.folder, database: database, cards: build.cards,
			plain: launch.Checkout, // A build from before TLS can be compared too.
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", build.name, err)
		}
		banks = append(banks, b)
		if err := b.buyWithEveryCard(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", build.name, err)
		}
		t := own(b)
		t.name, t.unit = build.name+": "+t.name, build.unit
		terms = append(terms, t)
	}
	series, err := w.alternate(ctx, terms...)
	if err != nil {
		return nil, err
	}
	f := ratio(name, fmt.Sprintf("new/old, %d rounds in alternating order, %d cards", w.options.Rounds, w.options.Cards), series[0], series[1])
	f.Comparison = compareRounds(f.Values)
	return []Figure{f}, nil
}

// Comparison describes the ratios of a comparison of two builds.
type Comparison struct {
	// Lowest and Highest are the smallest and the largest ratio.
	Lowest  float64 `json:"lowest"`
	Highest float64 `json:"highest"`
	// Interval is a confidence interval of the median; nil for fewer than six rounds.
	Interval *Interval `json:"interval,omitempty"`
}

// Interval is a distribution-free confidence interval of a median.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Confidence is the probability that such an interval contains the median. It is at least
	// 0.95.
	Confidence float64 `json:"confidence"`
}

// compareRounds describes the ratios of at least one round.
func compareRounds(ratios []float64) *Comparison {
	return &Comparison{Lowest: slices.Min(ratios), Highest: slices.Max(ratios), Interval: medianInterval(ratios)}
}

// medianInterval returns the shortest interval between two order statistics, equally far from
// both ends, that contains the median with a confidence of at least minConfidence. It assumes
// independent values and nothing about their distribution. It returns nil for fewer than six
// values, because even the interval of all of them has too little confidence.
func medianInterval(values []float64) *Interval {
	sorted := slices.Sorted(slices.Values(values))
	var interval *Interval
	for rank := 1; 2*rank <= len(sorted); rank++ {
		confidence := orderConfidence(len(sorted), rank)
		if confidence < minConfidence {
			break
		}
		interval = &Interval{Low: sorted[rank-1], High: sorted[len(sorted)-rank], Confidence: confidence}
	}
	return interval
}

// orderConfidence returns the probability that the median lies between the value of a rank and
// the value of the same rank from the end, of n values: 1 − 2·P(B < rank), where B is the number
// of heads of n fair coins.
func orderConfidence(n, rank int) float64 {
	below, term := 0.0, 1.0
	for range n {
		term /= 2
	}
	for heads := range rank {
		below += term
		term *= float64(n-heads) / float64(heads+1)
	}
	return 1 - 2*below
}

// text says what the interval shows.
func (c *Comparison) text() string {
	if c.Interval == nil {
		return "fewer than 6 rounds: no interval"
	}
	result := "no difference shown"
	switch {
	case c.Interval.Low > 1:
		result = "this build is faster"
	case c.Interval.High < 1:
		result = "this build is SLOWER"
	}
	return fmt.Sprintf("%.1f %% interval of the median %.3f … %.3f: %s", 100*c.Interval.Confidence, c.Interval.Low, c.Interval.High, result)
}

// formatRounds formats the ratio of each round.
func formatRounds(ratios []float64) string {
	texts := make([]string, len(ratios))
	for i, value := range ratios {
		texts[i] = fmt.Sprintf("%.3f", value)
	}
	return strings.Join(texts, " ")
}
