// Package bench measures the system against yardsticks. A figure is the ratio of two terms.
// Both are measured in turn, in one run on one machine, so that a slow or busy machine slows
// both. The yardsticks are part of the package. They are plain code that a good engineer would
// write, so that they are a fair comparison.
//
// The rows are a table in rows.go, and each row has a file of its own. The other files serve
// all rows: load.go and rate.go generate load, workbench.go starts the system, client.go and
// message.go are the client of the bank, yardstick.go is the yardstick of the bank, figure.go
// and report.go are the results.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options say what to measure, how long and how hard.
type Options struct {
	// Callers is the number of requests in flight.
	Callers int
	// Cards is the number of cards that the load uses.
	Cards int
	// Rounds is how often the terms of a figure are measured in turn.
	Rounds int
	// Window is how long a term is measured in a round, after its warm-up.
	Window time.Duration
	// Messages is the number of full messages in flight on the stream.
	Messages int
	// Scale lists the numbers of transactions in the ledgers of the row scale.
	Scale Sizes
	// Backlog is the smallest number of events that each sink writes in a round.
	Backlog int
	// Documents is the smallest number of purchases in the index when dashboards are measured.
	Documents int
	// Drain is the smallest number of events that the relay publishes in a round.
	Drain int
	// Soak is how long the relay has to keep up with a bank at full load.
	Soak time.Duration
	// Quick makes a short run of everything, to see that it works. Its figures mean nothing.
	Quick bool
	// Against is a folder with the program bank of another build. If it is set, each row compares
	// the two builds.
	Against string
	// Format is the output format: "table" or "json".
	Format string
}

// Sizes are numbers of rows. As a flag they are separated by commas.
type Sizes []int

// String formats the sizes as the flag is written.
func (s *Sizes) String() string {
	texts := make([]string, len(*s))
	for i, size := range *s {
		texts[i] = strconv.Itoa(size)
	}
	return strings.Join(texts, ",")
}

// Set parses the format of String.
func (s *Sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		size, err := strconv.Atoi(part)
		if err != nil || size < 1 {
			return fmt.Errorf("%q is not a number of rows; want a whole number of at least 1", part)
		}
		*s = append(*s, size)
	}
	return nil
}

// Bind defines the options as flags. The defaults are those of the project's published figures.
func (o *Options) Bind(set *flag.FlagSet) {
	o.Scale = Sizes{10_000, 1_000_000, 10_000_000}
	set.IntVar(&o.Callers, "callers", 64, "requests in flight")
	set.IntVar(&o.Cards, "cards", 100_000, "cards that the load uses")
	set.IntVar(&o.Rounds, "rounds", 5, "how often the terms of a figure are measured in turn")
	set.DurationVar(&o.Window, "window", 4*time.Second, "how long a term is measured in a round")
	set.IntVar(&o.Messages, "messages", 8, "messages of 256 purchases in flight on the stream")
	set.Var(&o.Scale, "scale", "transactions in the ledgers of the row scale")
	set.IntVar(&o.Backlog, "backlog", 400_000, "events that each sink writes in a round")
	set.IntVar(&o.Documents, "documents", 1_000_000, "purchases of a year in the index, for the row dashboards")
	set.IntVar(&o.Drain, "drain", 500_000, "events that the relay drains in a round")
	set.DurationVar(&o.Soak, "soak", time.Minute, "how long the relay must keep up with the stream, and how long a load warms up broker, worker and index")
	set.BoolVar(&o.Quick, "quick", false, "a short run of everything, to see that it works")
	set.StringVar(&o.Against, "against", "", "compare this build's bank with the program bank in `folder`, which another checkout has built")
	set.StringVar(&o.Format, "o", "table", "output format: table or json")
}

// Check returns an error for invalid options. It shortens a quick run.
func (o *Options) Check() error {
	if o.Format != "table" && o.Format != "json" {
		return fmt.Errorf("-o %s: want table or json", o.Format)
	}
	if o.Callers < 1 || o.Cards < 1 || o.Rounds < 1 || o.Window <= 0 || o.Messages < 1 ||
		o.Backlog < 1 || o.Documents < 1 || o.Drain < 1 || o.Soak <= 0 || len(o.Scale) < 2 {
		return errors.New("every number must be at least 1, and --scale needs at least two sizes")
	}
	if o.Quick {
		o.Cards, o.Rounds, o.Window = min(o.Cards, 500), min(o.Rounds, 2), min(o.Window, 300*time.Millisecond)
		o.Scale = Sizes{1_000, 5_000}
		o.Documents = min(o.Documents, 5_000)
		o.Backlog, o.Drain, o.Soak = min(o.Backlog, 5_000), min(o.Drain, 5_000), min(o.Soak, 2*time.Second)
	}
	return nil
}

// longRounds is the number of rounds of rows that take long.
func (o *Options) longRounds() int { return min(o.Rounds, 3) }

// freshRounds is the number of rounds of the row freshness. freshWindow is the length of each.
func (o *Options) freshRounds() int { return min(o.Rounds, 2) }

func (o *Options) freshWindow() time.Duration { return o.Soak / 2 }

// Names lists the rows in the order in which they are measured.
func Names() []string { return namesOf(rows()) }

func namesOf(rows []row) []string {
	var names []string
	for _, row := range rows {
		names = append(names, row.name)
	}
	return names
}

// Run measures the named rows, or all if there are no names, on a stack in the place's folder.
// It writes progress to the place. A failed row does not stop the others. The report is
// complete even if there is an error.
func Run(ctx context.Context, options Options, place Place, names []string) (*Report, error) {
	if err := options.Check(); err != nil {
		return nil, err
	}
	table, err := options.rows()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.Contains(namesOf(table), name) {
			return nil, fmt.Errorf("there is no row %q; the rows are %v", name, namesOf(table))
		}
	}
	workbench, err := newWorkbench(options, place)
	if err != nil {
		return nil, err
	}
	report := &Report{Against: options.Against}
	for _, row := range table {
		if len(names) > 0 && !slices.Contains(names, row.name) {
			continue
		}
		report.Rows = append(report.Rows, workbench.measure(ctx, row))
		if ctx.Err() != nil {
			break
		}
	}
	report.Settings = workbench.settings
	return report, workbench.stop(ctx)
}

// Place says where the stack of a run keeps its files, which ports it uses, and where progress
// is written.
type Place struct {
	Dir      string
	BasePort int
	Progress io.Writer
}
