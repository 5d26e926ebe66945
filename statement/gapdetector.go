package statement

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/platform/fault"
)

const (
	// GapAge is how long a gap may be open before it raises an alarm. An event that is only
	// late has arrived by then.
	GapAge = 60 * time.Second

	checkEvery   = 10 * time.Second
	checkSteps   = 20
	alarmedGaps  = 20
	repeatAlarm  = 10 * time.Minute
	firstWindow  = 10 * time.Second
	leastWindow  = 100 * time.Millisecond
	widestWindow = time.Hour
	// After a stretch of time with more than manyEvents the next one is shorter; after one
	// with fewer than fewEvents it is longer.
	manyEvents = 200_000
	fewEvents  = 20_000
)

// GapDetector finds sequences that are missing from accounts and do not arrive. It
// examines each event once, GapAge after it arrived, whether or not anybody reads its
// account.
type GapDetector struct {
	// Store is the database that it checks.
	Store GapStore
	// Logger gets the alarm: the account, what is missing, and the command that
	// publishes it again.
	Logger *slog.Logger
	// Observe gets the result of every check, for metrics. It may be nil.
	Observe func(Gaps)
	// Now is the clock by which alarms are repeated.
	Now func() time.Time

	window  time.Duration
	alarmed map[Gap]time.Time
}

// Run checks every ten seconds until ctx ends. While the database is away it waits.
func (d *GapDetector) Run(ctx context.Context) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		if err := d.Check(ctx, GapAge); err != nil && ctx.Err() == nil && fault.CodeOf(err) != fault.Unavailable {
			d.Logger.Error("the check for gaps failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Check examines the events that have arrived since the last check and at least age ago.
// It reports the gaps and raises the alarm for new ones. One check does a bounded amount
// of work; the next one goes on where it ended. Errors are those of Store.FindGaps.
func (d *GapDetector) Check(ctx context.Context, age time.Duration) error {
	if d.window == 0 {
		d.window = firstWindow
	}
	for range checkSteps {
		examined, caughtUp, err := d.Store.FindGaps(ctx, age, d.window)
		if err != nil {
			// The stretch may have held too many events for one statement.
			d.window = max(d.window/2, leastWindow)
			return err
		}
		if examined > manyEvents {
			d.window = max(d.window/2, leastWindow)
		}
		if caughtUp {
			break
		}
		if examined < fewEvents {
			d.window = min(d.window*2, widestWindow)
		}
	}
	gaps, err := d.Store.Gaps(ctx, alarmedGaps)
	if err != nil {
		return err
	}
	if d.Observe != nil {
		d.Observe(gaps)
	}
	d.alarm(gaps)
	return nil
}

// alarm logs one line for each gap that is new or that it has not logged for
// repeatAlarm.
func (d *GapDetector) alarm(gaps Gaps) {
	now := d.Now()
	alarmed := make(map[Gap]time.Time, len(gaps.List))
	for _, gap := range gaps.List {
		key := gap
		key.Age = 0
		last, known := d.alarmed[key]
		if !known || now.Sub(last) >= repeatAlarm {
			last = now
			d.Logger.Error(gap.problem(), "account", gap.Account, "missing_sequence", gap.Missing, "next_sequence", gap.Next,
				"age", gap.Age.Round(time.Second).String(), "gaps", gaps.Count, "remedy", gap.remedy())
		}
		alarmed[key] = last
	}
	for key := range d.alarmed {
		if _, open := alarmed[key]; !open && int64(len(gaps.List)) == gaps.Count {
			d.Logger.Info("a gap has closed or moved", "account", key.Account, "missing_sequence", key.Missing)
		}
	}
	d.alarmed = alarmed
}

func (g *Gap) problem() string {
	if g.Unsound {
		return "an event of an account cannot be shown, and its line is left out of the statement"
	}
	return "events of an account are missing from the statement"
}

func (g *Gap) remedy() string {
	republish := fmt.Sprintf("bankctl republish --account %s --from %d", g.Account, g.Missing)
	if g.Unsound {
		// The first content of an event stays, so the row must go before the event comes again.
		return fmt.Sprintf("delete the row of statement_lines with this account_id and the sequence %d, then %s --to %d", g.Next, republish, g.Next)
	}
	return republish
}
