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
	"codebank.dev/operations/synthetic/sender"
)

func newSeed(app *application) *cobra.Command {
	return group("seed", "Give a bank something to show", newSeedHistory(app))
}

// seedSettings are the flags of seed history.
type seedSettings struct {
	options      synthetic.Options
	address, end string
	shares       int
	planned      bool
}

func newSeedHistory(app *application) *cobra.Command {
	var s seedSettings
	command := &cobra.Command{
		Use:   "history",
		Short: "Have a bank decide the purchases and transfers of a past that is made up",
		Long: `Issue cards and request purchases as of times that have passed, so that dashboards
show something: hours of the week, pay-days and seasons, customers who come, leave
and come back, stores that grow and shrink, voids and refunds, accounts in reais and
in dollars, every kind of decline, an outage, and a few minutes in which somebody
tests stolen numbers. Hotels and fuel stations set an amount aside and capture it
later. One customer in ten has a wallet with deposits, withdrawals, payments,
transfers and holds. --plan says when. With -o json the plan has annotations: a list
of {"at", "to", "word", "text"} of what a chart over time should mark.

The bank must have been started with --history, and takes one only from the program
"history": --tls-certificate must be a certificate of it, and a bank in plain text
must have --insecure history. It decides each purchase by its
rules, and its events travel as all events do. The same options make the same
requests: a run that was cut off is finished by doing it again, and doing a whole run
again changes nothing. --end is today's midnight; to repeat a run on another day, set
it.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.seed(ctx, &s) }),
	}
	flags := command.Flags()
	flags.Uint64Var(&s.options.Seed, "seed", 1, "`number` that the history is drawn from")
	flags.IntVar(&s.options.Days, "days", 365, "how many `days` it has")
	flags.IntVar(&s.options.Purchases, "purchases", 1_000_000, "how `many` are requested by card, declined ones and those that are captured later included")
	flags.StringVar(&s.end, "end", "", "`date` of the day behind the last, UTC; today by default")
	flags.StringVar(&s.address, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC")
	flags.IntVar(&s.shares, "shares", 6, "how `many` messages of 256 purchases are under way; those of a card follow one another")
	flags.BoolVar(&s.planned, "plan", false, "only show what there will be, and when")
	return command
}

// load returns the load that the flags name.
func (s *seedSettings) load() (*synthetic.Load, error) {
	var err error
	if s.options.End, err = time.Parse(time.DateOnly, cmp.Or(s.end, time.Now().UTC().Format(time.DateOnly))); err != nil {
		return nil, misused("end", fmt.Errorf("%q is no date such as 2026-01-31", s.end))
	}
	if s.shares < 1 || s.shares > sender.MaxShares {
		return nil, misused("shares", fmt.Errorf("%d is not 1 to %d", s.shares, sender.MaxShares))
	}
	load, err := synthetic.New(s.options)
	if err != nil {
		option, why, _ := strings.Cut(err.Error(), ": ")
		return nil, misused(option, errors.New(why))
	}
	return load, nil
}

func (a *application) seed(ctx context.Context, s *seedSettings) error {
	load, err := s.load()
	if err != nil {
		return err
	}
	plan := load.Plan()
	if s.planned {
		return a.showPlan(plan)
	}
	files, err := a.files()
	if err != nil {
		return err
	}
	to, err := sender.Dial(s.address, files)
	if err != nil {
		return misused("bank-address", err)
	}
	defer to.Close()
	result, err := to.Send(ctx, load, sender.Options{Shares: s.shares, Patience: a.timeout, Progress: func(p sender.Progress) {
		fmt.Fprintf(a.streams.err, "%s  %d of %d purchases, %d a second\n", minute(p.At), p.Sent, plan.Purchases, p.PerSecond)
	}})
	if err != nil {
		return err
	}
	return a.showResult(result)
}

// showPlan writes what a load holds.
func (a *application) showPlan(plan synthetic.Plan) error {
	if a.printer().JSON() {
		return a.printer().Object(plan)
	}
	burst := plan.Burst
	return a.printer().Table([]string{"WHAT", "FROM", "TO", "HOW MUCH"}, [][]string{
		{"history", minute(plan.Start), minute(plan.End), fmt.Sprintf("%d purchases on %d cards; %d wallets", plan.Purchases, plan.Cards, plan.Wallets)},
		{"outage", minute(plan.Outage.From), minute(plan.Outage.To), "nothing"},
		{"card testing", minute(burst.From), minute(burst.To),
			fmt.Sprintf("%d purchases with BIN %s at %s", burst.Purchases, burst.BIN, burst.MerchantID)},
		{"pay-days", "5th business day", "20th", "of every month"},
	})
}

func minute(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }

// showResult writes the result of sending a load.
func (a *application) showResult(result *sender.Result) error {
	if a.printer().JSON() {
		return a.printer().Object(result)
	}
	declined := 0
	for _, count := range result.Declined {
		declined += count
	}
	rows := [][]string{
		{"days", strconv.Itoa(result.Days)}, {"cards", strconv.Itoa(result.Cards)},
		{"purchases", strconv.Itoa(result.Purchases)}, {"approved", strconv.Itoa(result.Approved)}, {"declined", strconv.Itoa(declined)},
	}
	for _, reason := range slices.Sorted(maps.Keys(result.Declined)) {
		rows = append(rows, []string{"  " + reason, strconv.Itoa(result.Declined[reason])})
	}
	return a.printer().Table([]string{"WHAT", "HOW MANY"}, append(rows,
		[]string{"holds", strconv.Itoa(result.Holds)},
		[]string{"captures", strconv.Itoa(result.Captures)},
		[]string{"voids", strconv.Itoa(result.Voids)},
		[]string{"reversals", strconv.Itoa(result.Reversals)},
		[]string{"wallets", strconv.Itoa(result.Wallets)},
		[]string{"  deposits", strconv.Itoa(result.Deposits)},
		[]string{"  withdrawals", strconv.Itoa(result.Withdrawals)},
		[]string{"  payments", strconv.Itoa(result.Payments)},
		[]string{"  transfers", strconv.Itoa(result.Transfers)},
		[]string{"  declined", strconv.Itoa(result.WalletsDeclined)},
		[]string{"events", strconv.Itoa(result.Events)},
		[]string{"purchases a second", strconv.FormatInt(result.PerSecond, 10)}))
}
