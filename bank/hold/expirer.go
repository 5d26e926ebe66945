package hold

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

const (
	// interval is how often an Expirer looks for due holds.
	interval = time.Second
	// pageSize is how many of them it ends at once.
	pageSize = 256
	// pageTimeout bounds the work on one page.
	pageTimeout = 10 * time.Second
)

// ExpirerConfig is the configuration of an Expirer. All fields but Tick are required.
type ExpirerConfig struct {
	Code   bank.Code
	Holds  bank.Holds
	Ledger bank.Submitter
	// Now is the clock of the ledger's decisions.
	Now    func() time.Time
	Logger *slog.Logger
	// Tick starts a round each time it can be received from; nil means once a second.
	Tick <-chan time.Time
}

// Expirer ends the holds whose time is over. Every replica of the bank runs one: the ledger decides each
// expiry under an id that is derived from the hold, so any number of them let it expire once. Make one
// with NewExpirer; it is safe for concurrent use.
type Expirer struct {
	config ExpirerConfig
	mutex  sync.Mutex
	stats  ExpirerStats
}

// ExpirerStats is what an Expirer did since it was made.
type ExpirerStats struct {
	// Expired counts the holds that it ended.
	Expired int64
	// Errors counts the pages that could not be read, and the holds that could not be ended.
	Errors int64
	// Oldest is the earliest expiry that the last round, at Round, could not end; zero for none.
	Oldest, Round time.Time
	// Unknown says that the last round could not read what is due.
	Unknown bool
}

// Overdue returns how long the time of the oldest hold was over in the last round that could not end it.
func (s *ExpirerStats) Overdue() time.Duration {
	if s.Oldest.IsZero() {
		return 0
	}
	return s.Round.Sub(s.Oldest)
}

// NewExpirer returns an Expirer that does nothing until Run.
func NewExpirer(config ExpirerConfig) *Expirer { return &Expirer{config: config} }

// Stats returns the counters, all as of one moment.
func (e *Expirer) Stats() ExpirerStats {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.stats
}

// Run ends due holds once a second until ctx ends. It finishes the page that it has submitted.
func (e *Expirer) Run(ctx context.Context) {
	tick := e.config.Tick
	if tick == nil {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			e.Round(ctx)
		}
	}
}

// Round ends the holds that are due now, page by page. A hold that cannot be ended is left for the next
// round and keeps no later one waiting.
func (e *Expirer) Round(ctx context.Context) {
	round := ExpirerStats{}
	now := e.config.Now()
	for after := (bank.DueHold{}); ctx.Err() == nil; {
		due, err := e.config.Holds.Due(ctx, now, after, pageSize)
		if err != nil {
			e.unread(ctx, err, &round)
			break
		}
		e.expire(ctx, due, &round)
		if len(due) < pageSize {
			break
		}
		after = due[len(due)-1]
	}
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.stats.Expired += round.Expired
	e.stats.Errors += round.Errors
	e.stats.Oldest, e.stats.Round, e.stats.Unknown = round.Oldest, now, round.Unknown
	if round.Expired > 0 {
		e.config.Logger.Info("holds expired", slog.Int64("holds", round.Expired))
	}
}

// unread notes that a page could not be read. It logs the first failure of a row of them, because a
// database may be away for long.
func (e *Expirer) unread(ctx context.Context, err error, round *ExpirerStats) {
	if ctx.Err() != nil {
		return
	}
	if !e.Stats().Unknown {
		e.config.Logger.Warn("holds that are due could not be read, so they do not expire; trying again each second", slog.Any("error", err))
	}
	round.Errors++
	round.Unknown = true
}

// expire submits the expiries of a page and waits for them, also when ctx ends meanwhile.
func (e *Expirer) expire(ctx context.Context, due []bank.DueHold, round *ExpirerStats) {
	if len(due) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pageTimeout)
	defer cancel()
	commands := make([]bank.Command, len(due))
	for i := range due {
		commands[i] = newExpire(e.config.Code, due[i])
	}
	var failed error
	failures := 0
	for i, result := range e.config.Ledger.SubmitAll(ctx, commands) {
		switch {
		case result.Err != nil:
			failed, failures = result.Err, failures+1
			if round.Oldest.IsZero() {
				round.Oldest = due[i].ExpiresAt
			}
		case result.Outcome.Entry != nil:
			round.Expired++
		}
	}
	if failures > 0 {
		round.Errors += int64(failures)
		e.config.Logger.Warn("holds could not be ended at their expiry; trying again in a second",
			slog.Int("holds", failures), slog.Time("oldest_expiry", round.Oldest), slog.String("code", fault.CodeOf(failed).String()), slog.Any("error", failed))
	}
}
