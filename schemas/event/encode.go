package event

import (
	"encoding/binary"
	"fmt"
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
	if version < 1 || version > NewestVersion {
		return dst, fmt.Errorf("event: no version %d of the transaction's schema", version)
	}
	if err := checkIdentity(t); err != nil {
		return dst, err
	}
	limits, err := bounds()
	if err != nil {
		return dst, err
	}
	w := writer{out: dst, bounds: limits}
	w.identity(t)
	w.decision(t)
	w.balances(t)
	w.card(t)
	w.merchant(t)
	w.rest(t)
	if version >= 2 {
		w.risk(t)
	}
	if w.problem != "" {
		return dst, &FieldError{Field: w.field, Problem: w.problem}
	}
	return w.out, nil
}

// checkIdentity checks that the ids of an event fit together, and that an account has
// figures.
func checkIdentity(t *Transaction) error {
	if err := checkIDs(t); err != nil {
		return err
	}
	if field := wrongFigure(t); field != "" {
		return &FieldError{Field: field, Problem: "must be set exactly when account_id is set"}
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

// writer appends Avro values and keeps the first error. The order of its calls is the
// order of the schema's fields. bounds are those of the fields, and at is how many fields
// are written.
type writer struct {
	out            []byte
	bounds         []schemas.Bound
	at             int
	field, problem string
}

func (w *writer) identity(t *Transaction) {
	w.text("event_id", t.EventID)
	w.text("transaction_id", t.TransactionID)
	w.optionalText("account_id", t.AccountID)
	w.optionalText("customer_id", t.CustomerID)
	w.text("bank_code", t.BankCode)
	w.optionalNumber("sequence", t.Sequence.Value, t.Sequence.Present)
}

func (w *writer) decision(t *Transaction) {
	w.enum("kind", kindSymbols, string(t.Kind))
	w.enum("direction", directionSymbols, string(t.Direction))
	w.enum("status", statusSymbols, string(t.Status))
	w.optionalText("decline_code", t.DeclineCode)
	w.optionalEnum("decline_reason", declineReasonSymbols, string(t.DeclineReason))
	w.number("amount_minor", t.AmountMinor)
	w.text("currency", t.Currency)
}

func (w *writer) balances(t *Transaction) {
	w.optionalNumber("balance_after_minor", t.BalanceAfterMinor.Value, t.BalanceAfterMinor.Present)
	w.optionalNumber("held_after_minor", t.HeldAfterMinor.Value, t.HeldAfterMinor.Present)
	w.optionalNumber("available_after_minor", t.AvailableAfterMinor.Value, t.AvailableAfterMinor.Present)
	w.optionalNumber("credit_limit_minor", t.CreditLimitMinor.Value, t.CreditLimitMinor.Present)
}

func (w *writer) card(t *Transaction) {
	w.optionalText("card_id", t.CardID)
	w.optionalEnum("card_brand", cardBrandSymbols, string(t.CardBrand))
	w.optionalText("card_last4", t.CardLast4)
	w.optionalText("card_bin", t.CardBIN)
}

func (w *writer) merchant(t *Transaction) {
	w.optionalText("merchant_id", t.MerchantID)
	w.optionalText("merchant_name", t.MerchantName)
	w.optionalText("merchant_category_code", t.MerchantCategoryCode)
	w.optionalText("merchant_city", t.MerchantCity)
	w.optionalText("merchant_country", t.MerchantCountry)
}

func (w *writer) rest(t *Transaction) {
	w.enum("channel", channelSymbols, string(t.Channel))
	w.optionalText("description", t.Description)
	w.optionalText("original_transaction_id", t.OriginalTransactionID)
	w.optionalText("counterparty_name", t.CounterpartyName)
	w.optionalText("end_to_end_id", t.EndToEndID)
	w.optionalNumber("attempt", int64(t.Attempt.Value), t.Attempt.Present)
	w.optionalNumber("decision_micros", t.DecisionMicros.Value, t.DecisionMicros.Present)
	w.number("occurred_at", t.OccurredAtMillis)
	w.optionalText("trace_id", t.TraceID)
	w.text("producer_version", t.ProducerVersion)
}

// risk writes the fields that version 2 added.
func (w *writer) risk(t *Transaction) {
	w.optionalEnum("card_use", cardUseSymbols, string(t.CardUse))
	if t.RiskScore.Present != (t.RiskRule != "") {
		w.fail("risk_score", "must be set exactly when risk_rule is set")
	}
	w.optionalNumber("risk_score", int64(t.RiskScore.Value), t.RiskScore.Present)
	w.optionalEnum("risk_rule", riskRuleSymbols, string(t.RiskRule))
}

func (w *writer) fail(field, problem string) {
	if w.problem == "" {
		w.field, w.problem = field, problem
	}
}

// next returns the bound of the field that is written now.
func (w *writer) next() *schemas.Bound {
	w.at++
	return &w.bounds[w.at-1]
}

// long writes an Avro int or long. Both have the same form on the wire.
func (w *writer) long(n int64) { w.out = binary.AppendVarint(w.out, n) }

func (w *writer) number(field string, n int64) {
	if wrong := numberProblem(n, w.next()); wrong != "" {
		w.fail(field, wrong)
	}
	w.long(n)
}

func (w *writer) text(field, s string) {
	if wrong := textProblem(s, w.next()); wrong != "" {
		w.fail(field, wrong)
	}
	w.long(int64(len(s)))
	w.out = append(w.out, s...)
}

// enum writes a symbol. The symbols are within their bound, as a test proves.
func (w *writer) enum(field string, symbols []string, symbol string) {
	w.at++
	for i, known := range symbols {
		if known == symbol {
			w.long(int64(i))
			return
		}
	}
	w.fail(field, "has no symbol "+strconv.Quote(symbol))
}

// null writes a field that is null. Every union of the schema is [null, T], so branch 0
// is null.
func (w *writer) null() {
	w.at++
	w.long(0)
}

func (w *writer) optionalText(field, s string) {
	if s == "" {
		w.null()
		return
	}
	w.long(1)
	w.text(field, s)
}

func (w *writer) optionalEnum(field string, symbols []string, symbol string) {
	if symbol == "" {
		w.null()
		return
	}
	w.long(1)
	w.enum(field, symbols, symbol)
}

func (w *writer) optionalNumber(field string, n int64, present bool) {
	if !present {
		w.null()
		return
	}
	w.long(1)
	w.number(field, n)
}
