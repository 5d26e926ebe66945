// Package bench measures the system against yardsticks. A figure is a ratio of two
// terms that are measured in turn, in one run on one machine, so that a slow or a
// busy machine slows both. The yardsticks are part of it, written plainly, with what
// a good engineer would do, so that nobody can call them weak.
//
// The figures are a table, rows.go; each row has a file of its own name. What all
// rows share: load.go and pace.go keep work in flight, world.go brings up the
// system, client.go and message.go are the bank's caller, yardstick.go is what the
// bank is held against, figure.go and report.go are what comes out.
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
	// Callers is how many requests are in flight at any moment.
	Callers int
	// Cards is how many cards the load is spread over.
	Cards int
	// Rounds is how often the terms of a figure are measured in turn.
	Rounds int
	// Window is how long a term is measured in a round, after a while to warm up.
	Window time.Duration
	// Messages is how many messages of a full stream are in flight.
	Messages int
	// Scale are the numbers of transactions that the tables hold in the row of that name.
	Scale Sizes
	// Backlog is how many events, at least, the sinks are given to write.
	Backlog int
	// Documents is how many purchases the index holds, at least, when dashboards are asked for.
	Documents int
	// Drain is how many events, at least, the relay is given to publish.
	Drain int
	// Soak is how long the relay has to keep up with a bank as busy as it can be.
	Soak time.Duration
	// Quick makes a short run of everything, to see that it works; its figures mean nothing.
	Quick bool
	// Format is how the figures are printed: "table", or "json" and nothing else.
	Format string
}

// Sizes are numbers of rows; as a flag, they are separated by commas.
type Sizes []int

// String is the sizes as the flag is written.
func (s *Sizes) String() string {
	texts := make([]string, len(*s))
	for i, size := range *s {
		texts[i] = strconv.Itoa(size)
	}
	return strings.Join(texts, ",")
}

// Set reads what String writes.
func (s *Sizes) Set(text string) error {
	*s = nil
	for part := range strings.SplitSeq(text, ",") {
		size, err := strconv.Atoi(part)
		if err != nil || size < 1 {
			return fmt.Errorf("%q is no number of rows", part)
		}
		*s = append(*s, size)
	}
	return nil
}

// Bind defines the options as flags, with what the project's figures are taken with as defaults.
func (o *Options) Bind(set *flag.FlagSet) {
	o.Scale = Sizes{10_000, 1_000_000, 10_000_000}
	set.IntVar(&o.Callers, "callers", 64, "requests in flight")
	set.IntVar(&o.Cards, "cards", 100_000, "cards that the load is spread over")
	set.IntVar(&o.Rounds, "rounds", 5, "how often the terms of a figure are measured in turn")
	set.DurationVar(&o.Window, "window", 4*time.Second, "how long a term is measured in a round")
	set.IntVar(&o.Messages, "messages", 8, "messages of 256 purchases in flight on the stream")
	set.Var(&o.Scale, "scale", "transactions in the tables, by which the row scale measures")
	set.IntVar(&o.Backlog, "backlog", 400_000, "events that each sink writes in a round")
	set.IntVar(&o.Documents, "documents", 1_000_000, "purchases of a year in the index, of which dashboards are asked for")
	set.IntVar(&o.Drain, "drain", 500_000, "events that the relay drains in a round")
	set.DurationVar(&o.Soak, "soak", time.Minute, "how long the relay keeps up with the stream, and a load warms up what follows the bank")
	set.BoolVar(&o.Quick, "quick", false, "a short run of everything, to see that it works")
	set.StringVar(&o.Format, "o", "table", "how to print the figures: table or json")
}

// Check refuses options that make no sense, and shortens a quick run.
func (o *Options) Check() error {
	if o.Format != "table" && o.Format != "json" {
		return fmt.Errorf("-o %s: table or json", o.Format)
	}
	if o.Callers < 1 || o.Cards < 1 || o.Rounds < 1 || o.Window <= 0 || o.Messages < 1 ||
		o.Backlog < 1 || o.Documents < 1 || o.Drain < 1 || o.Soak <= 0 || len(o.Scale) < 2 {
		return errors.New("every number is at least 1, and scale names at least two sizes")
	}
	if o.Quick {
		o.Cards, o.Rounds, o.Window = min(o.Cards, 500), min(o.Rounds, 2), min(o.Window, 300*time.Millisecond)
		o.Scale = Sizes{1_000, 5_000}
		o.Documents = min(o.Documents, 5_000)
		o.Backlog, o.Drain, o.Soak = min(o.Backlog, 5_000), min(o.Drain, 5_000), min(o.Soak, 2*time.Second)
	}
	return nil
}

// longRounds is how many rounds there are of what takes long by itself.
func (o *Options) longRounds() int { return min(o.Rounds, 3) }

// freshRounds is how many rounds of freshness there are, and freshWindow how long each takes.
func (o *Options) freshRounds() int { return min(o.Rounds, 2) }

func (o *Options) freshWindow() time.Duration { return o.Soak / 2 }

// Names lists what can be measured, in the order in which it is.
func Names() []string {
	var names []string
	for _, row := range rows() {
		names = append(names, row.name)
	}
	return names
}

// Run measures the rows of those names, all when there are none, on a stack in that
// folder, and prints the figures to out; what happens meanwhile goes to progress. A
// row that fails does not keep the others from being measured. The report is complete
// whatever the error.
func Run(ctx context.Context, options Options, place Place, names []string) (*Report, error) {
	if err := options.Check(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("bench what? %q is none of %v", name, Names())
		}
	}
	world, err := newWorld(options, place)
	if err != nil {
		return nil, err
	}
	report := &Report{}
	for _, row := range rows() {
		if len(names) > 0 && !slices.Contains(names, row.name) {
			continue
		}
		report.Rows = append(report.Rows, world.measure(ctx, row))
		if ctx.Err() != nil {
			break
		}
	}
	report.Settings = world.settings
	return report, world.end(ctx)
}

// Place is where the stack of a run keeps its files, listens, and tells its progress.
type Place struct {
	Dir      string
	BasePort int
	Progress io.Writer
}
