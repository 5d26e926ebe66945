package statement

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/platform/fault"
)

const (
	// GapAge is how long a gap may be open before it is an alarm: what is merely late
	// has arrived by then.
	GapAge = 60 * time.Second

	watchEvery   = 10 * time.Second
	watchSteps   = 20
	alarmedGaps  = 20
	repeatAlarm  = 10 * time.Minute
	firstWindow  = 10 * time.Second
	leastWindow  = 100 * time.Millisecond
	widestWindow = time.Hour
	// manyEvents and fewEvents are when a stretch of time is made shorter or longer.
	manyEvents = 200_000
	fewEvents  = 20_000
)

// Watcher looks for numbers that are missing from accounts and stay so. Each event
// is examined once, GapAge after it arrived, whether or not anybody reads its account.
type Watcher struct {
	// Store is where to look.
	Store Store
	// Logger gets the alarm: the account, what is missing, and the command that
	// publishes it again.
	Logger *slog.Logger
	// Observe gets every finding, for metrics. It may be nil.
	Observe func(Gaps)
	// Now is the clock that spaces repeated alarms.
	Now func() time.Time

	window  time.Duration
	alarmed map[Gap]time.Time
}

// Run watches until ctx ends. While the database is away it waits.
func (w *Watcher) Run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		if err := w.Look(ctx, GapAge); err != nil && ctx.Err() == nil && fault.CodeOf(err) != fault.Unavailable {
			w.Logger.Error("looking for gaps", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Look examines what has arrived up to age ago since the last look, reports what is
// missing, and raises the alarm for what was not missing before. One look does a
// bounded amount of work; the next goes on where it ended.
func (w *Watcher) Look(ctx context.Context, age time.Duration) error {
	if w.window == 0 {
		w.window = firstWindow
	}
	for range watchSteps {
		examined, caughtUp, err := w.Store.FindGaps(ctx, age, w.window)
		if err != nil {
			w.window = max(w.window/2, leastWindow) // It may have been too much at once.
			return err
		}
		if examined > manyEvents {
			w.window = max(w.window/2, leastWindow)
		}
		if caughtUp {
			break
		}
		if examined < fewEvents {
			w.window = min(w.window*2, widestWindow)
		}
	}
	gaps, err := w.Store.Gaps(ctx, alarmedGaps)
	if err != nil {
		return err
	}
	if w.Observe != nil {
		w.Observe(gaps)
	}
	w.alarm(gaps)
	return nil
}

// alarm writes one line for each gap that is new or was last named a while ago.
func (w *Watcher) alarm(gaps Gaps) {
	now := w.Now()
	alarmed := make(map[Gap]time.Time, len(gaps.List))
	for _, gap := range gaps.List {
		key := Gap{Account: gap.Account, Missing: gap.Missing, Next: gap.Next}
		last, known := w.alarmed[key]
		if !known || now.Sub(last) >= repeatAlarm {
			last = now
			w.Logger.Error("events of an account are missing from the statement",
				"account", gap.Account, "missing_sequence", gap.Missing, "next_sequence", gap.Next,
				"age", gap.Age.Round(time.Second).String(), "gaps", gaps.Count,
				"remedy", fmt.Sprintf("bankctl republish --account %s --from %d", gap.Account, gap.Missing))
		}
		alarmed[key] = last
	}
	for key := range w.alarmed {
		if _, open := alarmed[key]; !open && int64(len(gaps.List)) == gaps.Count {
			w.Logger.Info("a gap has closed or moved", "account", key.Account, "missing_sequence", key.Missing)
		}
	}
	w.alarmed = alarmed
}
