package postgres

import (
	"fmt"

	"codebank.dev/bank"
	"codebank.dev/platform/database"
	"codebank.dev/platform/fault"
)

// errUnavailable is the fault of a database that is away, or that did not say whether a commit took
// place. A payer waits for the answer, so its retry time is as short as that of the connections.
var errUnavailable = fault.New(fault.Unavailable, "LEDGER_UNAVAILABLE",
	"The ledger did not answer; the outcome is unknown. Please send the same request again.").After(database.ThrottleInterval)

// errInternal is the fault of a program and a schema that do not fit together.
var errInternal = fault.New(fault.Internal, "LEDGER_BROKEN", "Something went wrong on our side.")

func unavailable(cause error) error { return errUnavailable.Wrap(cause) }

// uniqueViolation is the SQLSTATE of a key that another transaction wrote first.
const uniqueViolation = "23505"

// notCommitted returns the error of a batch whose commit was not reached, or of a call without a
// transaction: certainly nothing was written. A conflict is bank.ErrRetry, because fresh reads may
// succeed. Data that the schema refuses is bank.ErrRejected. Everything else is a fault. Unlike
// elsewhere, the end of the caller's context is fault.Unavailable too: the caller sends the same
// request again.
func notCommitted(err error) error {
	switch database.Classify(err) {
	case database.Conflict:
		return fmt.Errorf("%w: %w", bank.ErrRetry, err)
	case database.Refused:
		return fmt.Errorf("%w: %w", bank.ErrRejected, err)
	case database.Broken:
		return errInternal.Wrap(err)
	}
	return unavailable(err)
}

// statementCompletionUnknown is the SQLSTATE of class 40 that says that the server does not know
// the outcome.
const statementCompletionUnknown = "40003"

// committing returns the error of a batch whose commit was answered with err. Nothing was written
// only if a deferred check refused the data (class 23), or if the server rolled back because of
// another transaction (class 40). After any other answer the outcome is unknown.
func committing(err error) error {
	state := database.State(err)
	if len(state) == 5 && state != statementCompletionUnknown && (state[:2] == "23" || state[:2] == "40") {
		return notCommitted(err)
	}
	return unavailable(err)
}

// errRolledBack is the error of a COMMIT that the server answers with ROLLBACK. It does so without
// an error when the transaction had failed before.
var errRolledBack = fmt.Errorf("%w: the commit was answered with a rollback", bank.ErrRetry)

// answered is notCommitted for a call that may have succeeded.
func answered(err error) error {
	if err == nil {
		return nil
	}
	return notCommitted(err)
}
