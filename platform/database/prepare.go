package database

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// firstWait and longestWait bound the wait between two tries to prepare a database. Each
	// wait is twice the one before.
	firstWait   = 100 * time.Millisecond
	longestWait = 2 * time.Second
	// repeatLog is how often the log repeats what a program waits for.
	repeatLog = time.Minute
)

// permanent is an error that stays however long the program waits.
type permanent struct{ error }

// Unwrap returns the error as it was before it was marked.
func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error that stays however long the program waits, for example because
// the database belongs to another bank. Prepare returns such an error at once.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports whether waiting is of no use for what prepares a database: the error is marked
// Permanent, or of one of the classes Refused and Broken. A missing privilege is Broken to a call, but
// an operator may still grant it.
func IsPermanent(err error) bool {
	if errors.As(err, new(permanent)) {
		return true
	}
	switch Classify(err) {
	case Refused:
		return true
	case Broken:
		return State(err) != insufficientPrivilege
	}
	return false
}

// Prepare runs steps once the database answers: whether it is migrated, and everything else that
// must be there before the first call. While the database is away it tries again, after waits
// that grow from 100 ms to 2 s, and starts from the first step each time, so steps must be
// repeatable. Log and Ready say what it waits for. It returns nil once the steps have
// succeeded, and the context's error when ctx ends first. It returns at once an error that
// stays however long the program waits: one marked Permanent, or one of the classes
// Refused and Broken. Call it once for each pool, beside the listeners.
func (p *Pool) Prepare(ctx context.Context, logger *slog.Logger, steps func(context.Context) error) error {
	var logged string
	var loggedAt time.Time
	for wait := firstWait; ; wait = min(wait*2, longestWait) {
		err := p.attempt(ctx, steps)
		switch {
		case err == nil:
			p.pending.Store(nil)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case IsPermanent(err):
			return err
		}
		if State(err) == readOnlyTransaction {
			p.renewSessions()
		}
		why := waiting(reason(err))
		p.pending.Store(why)
		if why.Message != logged || time.Since(loggedAt) >= repeatLog {
			logger.Warn(why.Message, "error", err)
			logged, loggedAt = why.Message, time.Now()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// attempt runs the steps if the database answers.
func (p *Pool) attempt(ctx context.Context, steps func(context.Context) error) error {
	if err := p.answers(ctx); err != nil {
		return err
	}
	p.pending.Store(waiting("it is being prepared"))
	return steps(ctx)
}

// answers returns nil when the server answers on a connection of the pool within the
// connect timeout. A server that is frozen takes connections and answers nothing.
func (p *Pool) answers(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.Config().ConnConfig.ConnectTimeout)
	defer cancel()
	return p.Ping(limited)
}

// Ready returns nil when Prepare has succeeded, the database answers, and calls find in it
// what they need (Config.Needs). Otherwise it returns a fault.Unavailable. Its message
// says what the program waits for and has no addresses and names, so that /readyz can show
// it.
func (p *Pool) Ready(ctx context.Context) error {
	if pending := p.pending.Load(); pending != nil {
		return pending
	}
	return p.meets(ctx, p.config.Needs)
}

// waiting returns the fault of a database that the program waits for.
func waiting(why string) *fault.Error {
	return fault.New(fault.Unavailable, "DATABASE_AWAITED", "waiting for the database: "+why).After(RetryAfter)
}

const (
	insufficientPrivilege = "42501"
	readOnlyTransaction   = "25006"
)

// renewEvery is the least time between two replacements of a pool's sessions.
const renewEvery = 5 * time.Second

// renewSessions replaces the sessions of a pool that has met a read-only one. A session may
// stay read-only although the database is not any more, and after a failover the sessions may
// lead to the server that was the primary one. New sessions find the present state of both.
func (p *Pool) renewSessions() {
	now, last := time.Now().UnixNano(), p.renewed.Load()
	if now-last >= int64(renewEvery) && p.renewed.CompareAndSwap(last, now) {
		p.Reset()
	}
}

// reasons are the texts for SQLSTATEs that an operator can mend or has to wait for.
var reasons = map[string]string{
	readOnlyTransaction:   "it is read-only",
	"28000":               "the server refuses the user",
	"28P01":               "the server refuses the password",
	"3D000":               "it does not exist on the server",
	insufficientPrivilege: "the user lacks a privilege",
	"53300":               "the server has no connection left",
	"57P01":               "the server stops",
	"57P03":               "the server starts, recovers or stops",
}

// reason says in a few words why a database cannot be used. It shows no address, no
// name and no text of the server.
func reason(err error) string {
	if state := State(err); state != "" {
		if words, ok := reasons[state]; ok {
			return words + " (SQLSTATE " + state + ")"
		}
		return "the server answers SQLSTATE " + state
	}
	if words, ok := settingsReason(err); ok {
		return words
	}
	if words, ok := tlsReason(err); ok {
		return words
	}
	if older := new(errOlder); errors.As(err, &older) {
		return older.words()
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "the server does not answer in time"
	case errors.As(err, &connecting), errors.As(err, &network):
		return "the server cannot be reached"
	}
	return "it cannot be used yet, the log says why"
}
