package postgres

import (
	"fmt"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// errUnavailable is the fault of a database that is away, or that did not say
// whether a commit took place.
var errUnavailable = fault.New(fault.Unavailable, "LEDGER_UNAVAILABLE",
	"The ledger did not answer; the outcome is unknown. Please send the same request again.")

// errInternal is the fault of a programme and a schema that do not fit together.
var errInternal = fault.New(fault.Internal, "LEDGER_BROKEN", "Something went wrong on our side.")

func unavailable(cause error) error { return errUnavailable.Wrap(cause) }

// uniqueViolation is a key that another transaction was quicker to write.
const uniqueViolation = "23505"

// notCommitted says what an error means that came before the commit was reached, so
// that certainly nothing was written.
//
// Classes of SQLSTATE: 40 is a rollback for the sake of another transaction, 55P03 a
// lock not had in time, 23505 a key that another transaction was quicker to write: a
// fresh read may succeed. 22 and the rest of 23 refuse the data itself. 08, 53, 57
// and 58 are a server that cannot work just now, 25 a transaction that the server
// ended because it lasted too long. Anything else is a statement that this schema
// does not understand.
func notCommitted(err error) error {
	state := sqlState(err)
	if state == "" {
		return unavailable(err)
	}
	switch class := state[:2]; {
	case class == "40", state == "55P03", state == uniqueViolation:
		return fmt.Errorf("%w: %w", bank.ErrRetry, err)
	case class == "22", class == "23":
		return fmt.Errorf("%w: %w", bank.ErrRejected, err)
	case class == "08", class == "25", class == "53", class == "57", class == "58":
		return unavailable(err)
	}
	return errInternal.Wrap(err)
}

// committing says what an error means that answers the commit itself. Only a refusal
// by a deferred check (23) or for another transaction's sake (40) is certain;
// 40003 says itself that it does not know.
func committing(err error) error {
	state := sqlState(err)
	if len(state) == 5 && state != "40003" && (state[:2] == "23" || state[:2] == "40") {
		return notCommitted(err)
	}
	return unavailable(err)
}

// errRolledBack is for a COMMIT that the server answers with ROLLBACK: it does so
// without an error when the transaction had failed before.
var errRolledBack = fmt.Errorf("%w: the commit was answered with a rollback", bank.ErrRetry)

// answered turns the errors of a call without a transaction into the adapter's own.
func answered(err error) error {
	if err == nil {
		return nil
	}
	return notCommitted(err)
}
