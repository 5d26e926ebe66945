package intake

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/record"
	"codebank.dev/platform/consumer"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// Reader is the name under which the hub reads the topic of a bank: that of its consumer group, and of its dead-letter
// topic behind consumer.LettersPrefix.
func Reader(bank string) string { return "codepix.bank-" + bank }

// isForOthers reports whether a record was sent again for another reader of the topic.
func (h *Handler) isForOthers(record *kgo.Record) bool {
	to := consumer.Header(record, consumer.HeaderTo)
	return to != nil && string(to) != Reader(h.bank)
}

func letter(record *kgo.Record, cause, message string) *consumer.Letter {
	return &consumer.Letter{Record: record, Cause: cause, Message: message}
}

// verify returns the message that a record is, or why it is none. Its author is the bank whose key has made the MAC.
func (h *Handler) verify(from *kgo.Record) (payment.Received, *consumer.Letter) {
	known := h.config.Banks.Current()
	bank, takesPart := known.Bank(h.bank)
	if !takesPart {
		return payment.Received{}, letter(from, "UNKNOWN_BANK", "The bank of this topic takes part no more.")
	}
	_, body, err := event.ParseFrame(from.Value)
	if err != nil {
		return payment.Received{}, letter(from, "NOT_FRAMED", "The record has no Confluent frame.")
	}
	key, err := bank.Keys.Verify(command.Record{Topic: from.Topic, Key: from.Key, Body: body},
		string(consumer.Header(from, command.HeaderKey)), string(consumer.Header(from, command.HeaderMAC)))
	if err != nil || key.Producer != command.PixBank(h.bank) {
		return payment.Received{}, letter(from, "FORGED", "The bank of this topic has not made the MAC of this record for this topic.")
	}
	message, err := record.Parse(body)
	switch {
	case errors.Is(err, record.ErrUnreadable):
		return payment.Received{}, letter(from, "UNREADABLE", "The body is not a message about a payment of version 1.")
	case err != nil:
		return payment.Received{}, letter(from, "INVALID", "The message has values that make no payment.")
	}
	_, receiverKnown := known.Bank(message.Terms.Receiver.Bank)
	return payment.Received{
		Message: message, Author: h.bank, ReceiverKnown: receiverKnown, At: h.config.Now().UTC().Truncate(time.Microsecond),
	}, nil
}
