package record

import (
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/schemas/command"
)

// ErrUnreadable says that a body is not a message of version 1. ErrMeaningless says that it is one with values that
// no bank may send.
var (
	ErrUnreadable  = errors.New("record: the body is not a message about a payment")
	ErrMeaningless = errors.New("record: the message has values that make no payment")
)

// maxText bounds each text of a message, in characters. What banks let their customers write is shorter.
const maxText = 255

// keyKinds are those that a payment may name.
var keyKinds = []string{"EMAIL", "CPF", "PHONE", "RANDOM", command.PixNoKey}

var reason = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Parse returns the message that a body of a bank is. The body has no frame. Errors: ErrUnreadable, ErrMeaningless.
func Parse(body []byte) (payment.Message, error) {
	decoder, err := command.NewDecoder[command.PixMessage]("")
	if err != nil {
		return payment.Message{}, ErrUnreadable
	}
	read, err := decoder.Decode(body)
	if err != nil {
		return payment.Message{}, ErrUnreadable
	}
	m, ok := meaning(&read)
	if !ok {
		return payment.Message{}, ErrMeaningless
	}
	return m, nil
}

// meaning checks the values of a message.
func meaning(read *command.PixMessage) (payment.Message, bool) {
	name, idErr := payment.ParseID(read.EndToEndID)
	step, isStep := payment.StepOf(read.Step)
	terms, isTerms := termsOf(read)
	m := payment.Message{ID: name, Step: step, Terms: terms, Reason: read.Reason, DecidedAt: time.UnixMilli(read.DecidedAtMillis).UTC()}
	switch {
	case idErr != nil, !isStep, !isTerms,
		read.Kind != kindOf(name),
		name.IsReturn() != (terms.Original != ""),
		name.IsReturn() != (terms.KeyKind == command.PixNoKey),
		(step == payment.Reject) != (read.Reason != ""),
		read.Reason != "" && !reason.MatchString(read.Reason),
		!isTime(read.InitiatedAtMillis), !isTime(read.DecidedAtMillis):
		return payment.Message{}, false
	}
	return m, true
}

func termsOf(read *command.PixMessage) (payment.Terms, bool) {
	original := payment.ID("")
	var originalErr error
	if read.OriginalEndToEndID != "" {
		original, originalErr = payment.ParseID(read.OriginalEndToEndID)
	}
	sender, senderErr := id.Parse(read.SenderAccountID)
	receiver, receiverErr := id.Parse(read.ReceiverAccountID)
	currency, currencyErr := money.ParseCurrency(read.Currency)
	switch {
	case errors.Join(originalErr, senderErr, receiverErr, currencyErr) != nil,
		original.IsReturn(),
		!payment.IsBankCode(read.SenderBankCode), !payment.IsBankCode(read.ReceiverBankCode),
		read.AmountMinor <= 0, read.AmountMinor > field.MaxMinor,
		!isKeyKind(read.KeyKind),
		!areTexts(read.SenderName, read.ReceiverName, read.Reference, read.Description, read.TraceID):
		return payment.Terms{}, false
	}
	return payment.Terms{
		Original: original,
		Sender:   payment.Party{Bank: read.SenderBankCode, Account: sender, Name: read.SenderName},
		Receiver: payment.Party{Bank: read.ReceiverBankCode, Account: receiver, Name: read.ReceiverName},
		Amount:   money.Amount{Minor: read.AmountMinor, Currency: currency},
		KeyKind:  read.KeyKind, Reference: read.Reference, Description: read.Description,
		InitiatedAt: time.UnixMilli(read.InitiatedAtMillis).UTC(), TraceID: read.TraceID,
	}, true
}

func isKeyKind(text string) bool {
	for _, kind := range keyKinds {
		if kind == text {
			return true
		}
	}
	return false
}

// areTexts reports whether texts can be stored and are not too long.
func areTexts(texts ...string) bool {
	for _, text := range texts {
		if utf8.RuneCountInString(text) > maxText || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}

// The times that a message may have: from 2000 on, and as long as a year has four digits.
const firstMillis, lastMillis = 946_684_800_000, 253_402_300_799_999

func isTime(millis int64) bool { return firstMillis <= millis && millis <= lastMillis }
