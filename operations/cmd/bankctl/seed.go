package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/operations/synthetic"
)

// seedCaller is who asks for a history's purchases: its request ids meet no shop's.
const seedCaller = "history"

func newSeed(app *application) *cobra.Command {
	return group("seed", "Give a bank something to show", newSeedHistory(app))
}

func newSeedHistory(app *application) *cobra.Command {
	var options synthetic.Options
	var address, end string
	var shares int
	var planned bool
	command := &cobra.Command{
		Use:   "history",
		Short: "Have a bank decide the purchases of a past that is made up",
		Long: `Issue cards and ask for purchases as of times that have passed, for dashboards
worth looking at: hours, weekdays, pay-days and seasons, every kind of decline, an
outage, and a few minutes of somebody testing stolen numbers. --plan tells when.

The bank must have been started with --history. It decides each purchase by its
rules, and its events travel as all events do. The same options are the same
requests, so a run that was cut off is done by doing it again, and one that was
whole changes nothing; --end is today's midnight, so name it to do so tomorrow.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			var err error
			if options.End, err = time.Parse(time.DateOnly, cmp.Or(end, time.Now().UTC().Format(time.DateOnly))); err != nil {
				return misused("end", fmt.Errorf("%q is no date such as 2026-01-31", end))
			}
			if shares < 1 || shares > maxShares {
				return misused("shares", fmt.Errorf("%d is not 1 to %d", shares, maxShares))
			}
			past, err := synthetic.New(options)
			if err != nil {
				option, why, _ := strings.Cut(err.Error(), ": ")
				return misused(option, errors.New(why))
			}
			if planned {
				return app.showPlan(past.Plan())
			}
			return app.seed(ctx, past, address, shares)
		}),
	}
	flags := command.Flags()
	flags.Uint64Var(&options.Seed, "seed", 1, "`number` that the history is drawn from")
	flags.IntVar(&options.Days, "days", 365, "how many `days` it has")
	flags.IntVar(&options.Purchases, "purchases", 1_000_000, "how `many` are asked for, declined ones included")
	flags.StringVar(&end, "end", "", "`date` of the day behind the last, UTC; today by default")
	flags.StringVar(&address, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC")
	flags.IntVar(&shares, "shares", 6, "how `many` messages of 256 purchases are under way; those of a card follow one another")
	flags.BoolVar(&planned, "plan", false, "only tell what there will be, and when")
	return command
}

// showPlan writes what is to be found in a history.
func (a *application) showPlan(plan synthetic.Plan) error {
	if a.json() {
		return a.object(plan)
	}
	window := func(w synthetic.Window) []string { return []string{moment(w.From), moment(w.To)} }
	return a.table([]string{"WHAT", "FROM", "TO", "HOW MUCH"}, [][]string{
		append([]string{"history"}, append(window(synthetic.Window{From: plan.Start, To: plan.End}),
			fmt.Sprintf("%d purchases on %d cards", plan.Purchases, plan.Cards))...),
		append([]string{"outage"}, append(window(plan.Outage), "nothing")...),
		append([]string{"card testing"}, append(window(plan.Burst.Window),
			fmt.Sprintf("%d purchases with BIN %s at %s", plan.Burst.Purchases, plan.Burst.BIN, plan.Burst.MerchantID))...),
		{"pay-days", fmt.Sprintf("day %d", plan.PayDays[0]), fmt.Sprintf("day %d", plan.PayDays[1]), "of every month"},
	})
}

func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

// seeded is what came of seeding a history.
type seeded struct {
	Seed      uint64         `json:"seed"`
	Days      int            `json:"days"`
	Cards     int            `json:"cards"`
	Purchases int            `json:"purchases"`
	Approved  int            `json:"approved"`
	Declined  map[string]int `json:"declined"`
	Reversals int            `json:"reversals"`
	// Events is how many the bank has made of it all; those of an earlier run of the same history included.
	Events    int   `json:"events"`
	Millis    int64 `json:"milliseconds"`
	PerSecond int64 `json:"purchases_per_second"`
}

// seed has a bank issue the cards and decide the requests of a history, and says what
// came of it.
func (a *application) seed(ctx context.Context, past *synthetic.History, address string, shares int) error {
	s, err := newSeeder(a, past, address)
	if err != nil {
		return misused("bank-address", err)
	}
	defer s.connection.Close()
	if err := s.issueCards(ctx); err != nil {
		return explained(err)
	}
	began := time.Now()
	told := make(chan struct{})
	telling, stop := context.WithCancel(ctx)
	go func() {
		defer close(told)
		s.tell(telling, began)
	}()
	err = s.sendAll(ctx, shares)
	stop()
	<-told
	if err != nil {
		return explained(err)
	}
	return a.showSeeded(s.result(time.Since(began)))
}

func (a *application) showSeeded(done seeded) error {
	if a.json() {
		return a.object(done)
	}
	declined := 0
	for _, count := range done.Declined {
		declined += count
	}
	rows := [][]string{
		{"days", strconv.Itoa(done.Days)}, {"cards", strconv.Itoa(done.Cards)},
		{"purchases", strconv.Itoa(done.Purchases)}, {"approved", strconv.Itoa(done.Approved)}, {"declined", strconv.Itoa(declined)},
	}
	for _, reason := range slices.Sorted(maps.Keys(done.Declined)) {
		rows = append(rows, []string{"  " + reason, strconv.Itoa(done.Declined[reason])})
	}
	return a.table([]string{"WHAT", "HOW MANY"}, append(rows,
		[]string{"reversals", strconv.Itoa(done.Reversals)},
		[]string{"events", strconv.Itoa(done.Events)},
		[]string{"purchases a second", strconv.FormatInt(done.PerSecond, 10)}))
}
