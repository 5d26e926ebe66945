// Package record has payments' messages and events as records of topics: the names of the topics, the Avro bodies, and
// what of a body of a bank is believed.
//
//	record.go  rows of the outbox: messages to banks, and events
//	parse.go   messages of banks
package record

import (
	"fmt"
	"time"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// namespace is where the ids of rows are derived in.
var namespace = id.ID{0x5e, 0x0c, 0x9d, 0x41, 0x77, 0x3b, 0x4e, 0x08, 0xb1, 0x52, 0x2a, 0xc6, 0x10, 0x8f, 0x64, 0xd3}

// RowID is the id of the row of a message. A message that is sent again has the same row.
func RowID(payment payment.ID, step payment.Step) id.ID {
	return id.Derive(namespace, string(payment), step.String())
}

// Row returns the record of a message to a bank, without its MAC, which is made when it is sent.
func Row(send *payment.Send) (outbox.Row, error) {
	message := wire(&send.Message)
	body, err := command.Encode(&message)
	if err != nil {
		return outbox.Row{}, fmt.Errorf("record: %s of %s: %w", send.Step, send.ID, err)
	}
	return outbox.Row{
		ID: RowID(send.ID, send.Step), Topic: command.PixToBank(send.To), Key: message.RecordKey(),
		Folder: command.Folder[command.PixMessage](), Version: command.Version, Body: body,
	}, nil
}

// wire returns a message in the words of its topic.
func wire(m *payment.Message) command.PixMessage {
	t := &m.Terms
	return command.PixMessage{
		EndToEndID: string(m.ID), Step: m.Step.String(), Kind: kindOf(m.ID), OriginalEndToEndID: string(t.Original),
		SenderBankCode: t.Sender.Bank, ReceiverBankCode: t.Receiver.Bank, AmountMinor: t.Amount.Minor, Currency: t.Amount.Currency.String(),
		SenderAccountID: t.Sender.Account.String(), SenderName: t.Sender.Name,
		ReceiverAccountID: t.Receiver.Account.String(), ReceiverName: t.Receiver.Name,
		KeyKind: t.KeyKind, Reference: t.Reference, Description: t.Description, Reason: m.Reason,
		InitiatedAtMillis: t.InitiatedAt.UnixMilli(), DecidedAtMillis: m.DecidedAt.UnixMilli(), TraceID: t.TraceID,
	}
}

func kindOf(payment payment.ID) string {
	if payment.IsReturn() {
		return command.PixReturnKind
	}
	return command.PixPaymentKind
}

// EventRow returns the event of a payment's present state. Nobody signs it, because nobody obeys it.
func EventRow(p *payment.Payment) (outbox.Row, error) {
	event := command.PixPayment{
		EventID: fmt.Sprintf("%s/%d", p.ID, p.Version), EndToEndID: string(p.ID), Version: p.Version, Kind: kindOf(p.ID), Status: p.State.String(),
		OriginalEndToEndID: string(p.Terms.Original), SenderBankCode: p.Terms.Sender.Bank, ReceiverBankCode: p.Terms.Receiver.Bank,
		AmountMinor: p.Terms.Amount.Minor, Currency: p.Terms.Amount.Currency.String(), KeyKind: p.Terms.KeyKind, Reason: p.Reason,
		InitiatedAtMillis: p.Terms.InitiatedAt.UnixMilli(), ElapsedMillis: p.Elapsed().Milliseconds(), OccurredAtMillis: p.ChangedAt.UnixMilli(),
	}
	body, err := command.Encode(&event)
	if err != nil {
		return outbox.Row{}, fmt.Errorf("record: event %s: %w", event.EventID, err)
	}
	return outbox.Row{
		ID: id.Derive(namespace, event.EventID), Topic: command.PixPaymentTopic, Key: []byte(p.ID),
		Folder: command.Folder[command.PixPayment](), Version: command.Version, Body: body,
	}, nil
}

// Queued is a row, and how it is kept.
type Queued struct {
	Row outbox.Row
	// Payment is what the row is about.
	Payment payment.ID
	// Awaits says that the row is sent again until its message is answered.
	Awaits bool
}

// Rows returns the rows that a book adds to the outbox.
func Rows(book *payment.Book, changes *payment.Changes) ([]Queued, error) {
	rows := make([]Queued, 0, len(changes.Sends)+len(changes.Events))
	for i := range changes.Sends {
		send := &changes.Sends[i]
		row, err := Row(send)
		if err != nil {
			return nil, err
		}
		rows = append(rows, Queued{Row: row, Payment: send.ID, Awaits: book.Awaits(send)})
	}
	for i := range changes.Events {
		row, err := EventRow(&changes.Events[i])
		if err != nil {
			return nil, err
		}
		rows = append(rows, Queued{Row: row, Payment: changes.Events[i].ID})
	}
	return rows, nil
}

// Ended returns the rows that a book takes out of the outbox.
func Ended(changes *payment.Changes) []id.ID {
	ended := make([]id.ID, 0, len(changes.Ended))
	for i := range changes.Ended {
		ended = append(ended, RowID(changes.Ended[i].ID, changes.Ended[i].Step))
	}
	return ended
}

// The wait before a message that is not answered is sent again: it doubles with each time, from the shortest to the
// longest, and is spread by a quarter both ways. An answer takes well under a second. The longest is half a minute, so
// that a bank which has lost an answer has it within a minute.
const (
	ShortestRepeat = time.Second
	LongestRepeat  = 24 * time.Second
)
