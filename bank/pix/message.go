package pix

import (
	"encoding/hex"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/schemas/command"
)

// The reasons of a payment that is rejected here. A closed account has that of its decline.
const (
	reasonNoAccount = "ACCOUNT_NOT_FOUND"
	reasonCurrency  = "CURRENCY_MISMATCH"
	reasonResolved  = "RESOLVED_BY_OPERATOR"
)

// send puts a message into the outbox of a batch, which is sent again until it is answered if it initiates.
func send(book *bank.Book, m command.PixMessage) error {
	body, err := command.Encode(&m)
	if err != nil {
		return fault.New(fault.Internal, "ENCODING", "Something went wrong on our side.").Wrap(err)
	}
	book.Send(bank.Message{
		MessageID: bank.MessageID{EndToEndID: m.EndToEndID, Step: m.Step}, Key: string(m.RecordKey()),
		SchemaVersion: command.Version, Body: body, UntilAnswered: m.Step == command.PixInitiated,
	})
	return nil
}

// answer returns the message that answers another one: everything about the payment is the same.
func answer(m *command.PixMessage, step, reason string, at time.Time) command.PixMessage {
	answered := *m
	answered.Step, answered.Reason, answered.DecidedAtMillis = step, reason, at.UnixMilli()
	return answered
}

// moment returns when an entry occurs that is decided now on an account.
func moment(account *bank.Account, now time.Time) time.Time {
	if now.Before(account.LastAt) {
		return account.LastAt
	}
	return now.UTC().Truncate(time.Millisecond)
}

// trace returns the trace id of a message, or "" if it is malformed.
func trace(m *command.PixMessage) string {
	if bytes, err := hex.DecodeString(m.TraceID); err != nil || len(bytes) != 16 || hex.EncodeToString(bytes) != m.TraceID {
		return ""
	}
	return m.TraceID
}

// readable returns a text of another bank as an entry keeps it: empty if it holds what no text of a customer may.
func readable(text string) string {
	if text == "" || field.Text("description", text, field.MaxDescription) != nil {
		return ""
	}
	return text
}

// reference returns the receiver's own name of a payment as an entry keeps it.
func reference(m *command.PixMessage) string {
	if field.OptionalWord("reference", m.Reference) != nil {
		return ""
	}
	return m.Reference
}
