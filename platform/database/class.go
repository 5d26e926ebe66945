package database

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// RetryAfter is how long a caller is asked to wait before it tries again.
const RetryAfter = time.Second

// Class is what an error of the database means to the program that gets it.
type Class uint8

// The classes. They say whether something was committed. This does not hold for an error
// that is the answer to the commit itself.
const (
	// Broken: the program and the schema do not fit together, or the server is
	// damaged. Trying again does not help.
	Broken Class = iota
	// Conflict: another transaction was in the way, and nothing was committed. Trying
	// again on fresh reads may succeed.
	Conflict
	// Refused: the schema refuses the data, and nothing was committed. The same data
	// will be refused again.
	Refused
	// Unavailable: the database cannot be used at the moment. When the connection was
	// lost, nobody knows what became of the work. Trying again later may succeed.
	Unavailable
	// Ended: the caller's context was canceled or its deadline passed. Nobody knows what
	// became of the work.
	Ended
)

// String returns the class in lower case, for logs and tests.
func (c Class) String() string {
	return [...]string{"broken", "conflict", "refused", "unavailable", "ended"}[c]
}

// classes is the one list of what an SQLSTATE means. A state of five characters
// overrides its class of two characters. Any other state is Broken.
var classes = map[string]Class{
	"08":    Unavailable, // connection exception
	"22":    Refused,     // data exception
	"23":    Refused,     // integrity constraint violation
	"23505": Conflict,    // unique violation: another transaction was quicker to write the key
	"25":    Unavailable, // invalid transaction state: read-only after a failover, or ended by a time limit
	"28":    Unavailable, // invalid authorization: a password or a role that an operator has to mend
	"3D":    Unavailable, // invalid catalog name: the database does not exist yet
	"40":    Conflict,    // transaction rollback: serialization failure, deadlock
	"53":    Unavailable, // insufficient resources
	"55":    Unavailable, // object not in prerequisite state
	"55P03": Conflict,    // lock not available within lock_timeout
	"57":    Unavailable, // operator intervention: shutdown, startup, statement_timeout
	"58":    Unavailable, // system error
}

// State returns the SQLSTATE in err, or "" when err has none.
func State(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

// Classify returns the class of err, which must not be nil. An error without an SQLSTATE
// is Unavailable, because the network failed. There are two exceptions. The end of the
// caller's context is Ended, but the time limit of a connection attempt is Unavailable,
// because it is the pool's own. A result that does not fit the program is Broken.
func Classify(err error) Class {
	if state := State(err); len(state) >= 2 {
		if class, ok := classes[state]; ok {
			return class
		}
		return classes[state[:2]]
	}
	var connecting *pgconn.ConnectError
	var unfit pgx.ScanArgError
	switch {
	case errors.As(err, &connecting):
		return Unavailable
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Ended
	case errors.As(err, &unfit), errors.Is(err, pgx.ErrNoRows), errors.Is(err, pgx.ErrTooManyRows):
		return Broken
	}
	return Unavailable
}

// errBroken tells the caller nothing; the log has the cause.
var errBroken = fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.")

// Fault returns err as an error that may leave the program, with err as its cause:
//
//	Conflict, Unavailable  unavailable; its wait is RetryAfter when it names none
//	Ended                  DEADLINE_EXCEEDED
//	Refused, Broken        INTERNAL, because data is checked before it is written
//
// unavailable is the fault.Unavailable in the program's own words. A *fault.Error is
// returned as it is, and nil is nil.
func Fault(err error, unavailable *fault.Error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	switch Classify(err) {
	case Ended:
		return fault.Of(err)
	case Conflict, Unavailable:
		answer := unavailable.Wrap(err)
		if answer.RetryAfter == 0 {
			answer.RetryAfter = RetryAfter
		}
		return answer
	}
	return errBroken.Wrap(err)
}
