package statement

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

const (
	// followEvery is how often a process looks for the next events of all accounts that are followed.
	followEvery = 250 * time.Millisecond
	// HeartbeatEvery is how often a follower hears at least.
	HeartbeatEvery = 15 * time.Second
	// followFetch is how many events a follower reads at once.
	followFetch = 500
)

// FromNow follows an account from its next line on.
const FromNow = -1

// ErrFollowEnds ends the following of accounts when the program ends.
var ErrFollowEnds = fault.New(fault.Unavailable, "ENDING", "The program ends. Watch again behind the last line.").After(time.Second)

// Follower tells those who watch accounts of new lines. One query of the process looks for the events of all
// of them. Make one with NewFollower, and let Run go on beside the calls. Safe for concurrent use.
type Follower struct {
	service *Service
	tail    TailStore
	logger  *slog.Logger

	mutex   sync.Mutex
	waiting map[*waiter]bool
}

// waiter waits for the event behind a position.
type waiter struct {
	position Position
	woken    chan struct{} // closed when the event is there
}

// NewFollower returns a follower of the accounts of a service. The logger gets the lines that cannot be shown.
func NewFollower(service *Service, tail TailStore, logger *slog.Logger) *Follower {
	return &Follower{service: service, tail: tail, logger: logger, waiting: make(map[*waiter]bool)}
}

// Run wakes those who wait until ctx ends. While the database is away it waits.
func (f *Follower) Run(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := f.wake(ctx); err != nil && ctx.Err() == nil && fault.CodeOf(err) != fault.Unavailable {
			f.logger.Error("looking for the next lines of accounts failed", "error", err)
		}
	}
}

// wake looks for all positions that somebody waits for.
func (f *Follower) wake(ctx context.Context) error {
	f.mutex.Lock()
	waiting := slices.Collect(maps.Keys(f.waiting))
	f.mutex.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	positions := make([]Position, len(waiting))
	for i, w := range waiting {
		positions[i] = w.position
	}
	followed, err := f.tail.Followed(ctx, positions)
	if err != nil {
		return err
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, i := range followed {
		if f.waiting[waiting[i]] {
			delete(f.waiting, waiting[i])
			close(waiting[i].woken)
		}
	}
	return nil
}

// FollowQuery chooses what is followed.
type FollowQuery struct {
	Reader  Reader
	Account id.ID
	// After is the sequence behind which to begin; 0 for the first line, FromNow for the next one.
	After int64
	// Until ends the following when it is closed.
	Until <-chan struct{}
}

// Followed is what a follower hears: the next line, or none after a while without one.
type Followed struct {
	Account id.ID
	Line    *Line
	// CompleteTo is a sequence up to which every line was told.
	CompleteTo int64
}

// Follow tells the lines of an account as they become complete, by sequence, each once, and none while an
// earlier event is missing. It tells that it has begun, and every HeartbeatEvery that it goes on. It returns
// the error of tell, ctx or the database; ErrNoAccount also when the reader sees the account no longer; ErrFollowEnds when Until is
// closed.
func (f *Follower) Follow(ctx context.Context, query FollowQuery, tell func(Followed) error) error {
	state, err := f.service.State(ctx, query.Reader, query.Account)
	if err != nil {
		return err
	}
	position := query.After
	if position == FromNow {
		position = state.CompleteTo
	}
	heartbeat := time.NewTicker(HeartbeatEvery)
	defer heartbeat.Stop()
	stored := int64(-1)
	for beat := true; ; {
		if position, err = f.tellLines(ctx, query, position, state.CompleteTo, tell); err != nil {
			return err
		}
		if beat {
			if err := tell(Followed{Account: query.Account, CompleteTo: position}); err != nil {
				return err
			}
		}
		// An event that cannot be shown does not move complete_to, and would wake this follower again and again.
		idle := !beat && state.CompleteTo == stored
		stored = state.CompleteTo
		if beat, err = f.wait(ctx, &query, Position{query.Account, state.CompleteTo}, idle, heartbeat.C); err != nil {
			return err
		}
		if state, err = f.service.State(ctx, query.Reader, query.Account); err != nil {
			return err
		}
	}
}

// wait returns when the event behind a position is there, or when it is time to be heard, which it reports. If
// idle, it waits for that only.
func (f *Follower) wait(ctx context.Context, query *FollowQuery, position Position, idle bool, heartbeat <-chan time.Time) (beat bool, err error) {
	w := &waiter{position: position, woken: make(chan struct{})}
	if !idle {
		f.mutex.Lock()
		f.waiting[w] = true
		f.mutex.Unlock()
		defer func() {
			f.mutex.Lock()
			delete(f.waiting, w)
			f.mutex.Unlock()
		}()
	}
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-query.Until:
		return false, ErrFollowEnds
	case <-heartbeat:
		return true, nil
	case <-w.woken:
		return false, nil
	}
}

// lookAgain is how often who waits for a sequence looks at the account, beside being woken.
const lookAgain = time.Second

// Await returns when the account is complete to a sequence, query.After, as the reader sees it. An account that he does
// not see may be one whose first event has not arrived, so it is waited for too. It returns the error of ctx or the
// database, or ErrFollowEnds when Until is closed.
func (f *Follower) Await(ctx context.Context, query FollowQuery) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for stored := int64(-1); ; {
		state, err := f.service.State(ctx, query.Reader, query.Account)
		if err != nil && !errors.Is(err, ErrNoAccount) {
			return err
		}
		if err == nil && state.CompleteTo >= query.After {
			return nil
		}
		idle := state.CompleteTo == stored
		stored = state.CompleteTo
		if _, err := f.wait(ctx, &query, Position{query.Account, state.CompleteTo}, idle, ticker.C); err != nil {
			return err
		}
	}
}

// tellLines tells the lines above a position that are complete, and returns the new position.
func (f *Follower) tellLines(ctx context.Context, query FollowQuery, position, completeTo int64, tell func(Followed) error) (int64, error) {
	for position < completeTo {
		lines, err := f.service.store.Lines(ctx, LineQuery{
			Reader: query.Reader, Account: query.Account, Above: position, Below: completeTo + 1, Limit: followFetch, OldestFirst: true,
		})
		if err != nil {
			return position, err
		}
		if len(lines) == 0 {
			// complete_to says that they are there, so the reader does not see them any more.
			return position, ErrNoAccount
		}
		for i := range lines {
			line := &lines[i]
			position = line.Sequence
			if line.Unsound {
				f.logger.WarnContext(ctx, "a line of an account cannot be shown and is left out", "account", query.Account.String(), "sequence", line.Sequence)
				continue
			}
			if !line.Shown() {
				continue
			}
			if err := tell(Followed{Account: query.Account, Line: line, CompleteTo: position}); err != nil {
				return position, err
			}
		}
		select {
		case <-query.Until:
			return position, ErrFollowEnds
		default:
		}
	}
	return position, nil
}
