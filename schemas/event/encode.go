package event

import (
	"encoding/binary"
	"strconv"
	"strings"

	"codebank.dev/schemas"
)

// FieldError says which field of an event cannot be written, and why.
type FieldError struct {
	// Field is the name of the field on the wire.
	Field string
	// Problem completes the sentence "the field …".
	Problem string
}

// Error implements error.
func (e *FieldError) Error() string { return "event: field " + e.Field + " " + e.Problem }

// AppendTransaction appends the Avro body of t, in a version of the schema, to dst. It
// writes no frame, because only the registry knows the schema id in the frame. It
// allocates nothing if dst has enough capacity; 1 KiB is always enough for texts within
// the limits of the bank's API. Fields that are newer than the version are not written.
//
// It refuses a version that does not exist. With a FieldError it also refuses an event
// that breaks the contract, because nobody could take the event back later:
//
//   - a required text that is empty, or a symbol outside its enum
//   - a value outside its bound (schemas.Bounds): a text that is too long, a number or a time out of range
//   - a text that is not UTF-8, or that holds U+0000
//   - account_id without sequence or without the account's figures, or the other way round; all of them
//     are null only for a decline
//   - an event_id that does not follow from account_id and sequence
//   - risk_score without risk_rule, or risk_rule without risk_score
//
// If it refuses, it returns dst unchanged.
func AppendTransaction(dst []byte, version int, t *Transaction) ([]byte, error) {
	if err := checkIdentity(t); err != nil {
		return dst, err
	}
	columns, err := columnsOf(version)
	if err != nil {
		return dst, err
	}
	out := dst
	for i := range columns {
		var wrong string
		if out, wrong = columns[i].append(&columns[i], out, t); wrong != "" {
			return dst, &FieldError{Field: columns[i].Name, Problem: wrong}
		}
	}
	return out, nil
}

// checkIdentity checks that the ids of an event fit together, that an account has figures,
// and that a risk has a rule.
func checkIdentity(t *Transaction) error {
	if err := checkIDs(t); err != nil {
		return err
	}
	if field := wrongFigure(t); field != "" {
		return &FieldError{Field: field, Problem: "must be set exactly when account_id is set"}
	}
	if t.RiskScore.Present != (t.RiskRule != "") {
		return &FieldError{Field: "risk_score", Problem: "must be set exactly when risk_rule is set"}
	}
	return nil
}

func checkIDs(t *Transaction) error {
	if t.AccountID == "" {
		switch {
		case t.Status != StatusDeclined:
			return &FieldError{Field: "account_id", Problem: "is null, but the event is not a decline"}
		case t.Sequence.Present:
			return &FieldError{Field: "sequence", Problem: "is set, but account_id is null"}
		case t.EventID != t.TransactionID:
			return &FieldError{Field: "event_id", Problem: "is not the transaction_id of a decline without account"}
		}
		return nil
	}
	if !t.Sequence.Present || t.Sequence.Value < 1 {
		return &FieldError{Field: "sequence", Problem: "is not 1 or more"}
	}
	var digits [20]byte
	sequence, ok := strings.CutPrefix(t.EventID, t.AccountID)
	if !ok || len(sequence) == 0 || sequence[0] != ':' ||
		sequence[1:] != string(strconv.AppendInt(digits[:0], t.Sequence.Value, 10)) {
		return &FieldError{Field: "event_id", Problem: "is not account_id, colon, sequence"}
	}
	return nil
}

// wrongFigure returns the first figure of the account that is null although there is an
// account, or set although there is none.
func wrongFigure(t *Transaction) string {
	account := t.AccountID != ""
	switch {
	case t.BalanceAfterMinor.Present != account:
		return "balance_after_minor"
	case t.HeldAfterMinor.Present != account:
		return "held_after_minor"
	case t.AvailableAfterMinor.Present != account:
		return "available_after_minor"
	case t.CreditLimitMinor.Present != account:
		return "credit_limit_minor"
	}
	return ""
}

// Every union of the schema is [null, T], so branch 0 is null. These are the numbers of the branches on
// the wire.
const (
	branchNull = 0
	branchOne  = 2
)

// appendText appends a text; an empty one is null if the field may be null.
func (c *column) appendText(out []byte, s string) ([]byte, string) {
	if c.Nullable {
		if s == "" {
			return append(out, branchNull), ""
		}
		out = append(out, branchOne)
	}
	return appendText(out, s, &c.bound)
}

// appendSymbol is appendText for an enum.
func (c *column) appendSymbol(out []byte, s string) ([]byte, string) {
	if c.Nullable {
		if s == "" {
			return append(out, branchNull), ""
		}
		out = append(out, branchOne)
	}
	number, known := c.symbol(s)
	if !known {
		return out, "has no symbol " + strconv.Quote(s)
	}
	return appendLong(out, int64(number)), ""
}

// appendLong appends an Avro int or long. Both have the same form on the wire.
func appendLong(out []byte, n int64) []byte { return binary.AppendVarint(out, n) }

func appendNumber(out []byte, n int64, bound *schemas.Bound) ([]byte, string) {
	return appendLong(out, n), numberProblem(n, bound)
}

func appendText(out []byte, s string, bound *schemas.Bound) ([]byte, string) {
	return append(appendLong(out, int64(len(s))), s...), textProblem(s, bound)
}
