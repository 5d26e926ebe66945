package intake

import (
	"errors"

	"codebank.dev/bank"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// order is a command of a producer that the bank knows.
type order struct {
	command.Command
	producer string
	// key made the MAC of the command, and makes that of its result.
	key *command.Key
	// user is zero when the producer speaks for itself.
	user bank.ID
	// namespace is the name that the request id belongs to, and transaction what both derive.
	namespace   string
	transaction bank.ID
}

// Topic returns the topic of the commands to a bank, and ResultTopic that of their results.
func Topic(code bank.Code) string { return "bank-" + string(code) + ".commands.v1" }

// ResultTopic returns the topic of the results of the commands to a bank.
func ResultTopic(code bank.Code) string { return "bank-" + string(code) + ".command-results.v1" }

// Reader returns the name under which a bank reads its commands: that of its consumer group, and of its
// dead-letter topic behind consumer.LettersPrefix.
func Reader(code bank.Code) string { return "bank-" + string(code) + ".commands" }

// forOthers reports whether a record was sent again for another reader of the topic.
func (s *Service) forOthers(record *kgo.Record) bool {
	to := consumer.Header(record, consumer.HeaderTo)
	return to != nil && string(to) != Reader(s.Code)
}

func letter(record *kgo.Record, cause, message string) *consumer.Letter {
	return &consumer.Letter{Record: record, Cause: cause, Message: message}
}

// decoder reads the bodies of version 1. The number in the frame says in which version a body was written,
// but the MAC does not cover it, so nothing is decided by it.
var decoder = command.NewDecoder[command.Command]

// verify returns the command that a record is, or why it is none.
func (s *Service) verify(record *kgo.Record, keys *command.Keys) (order, *consumer.Letter) {
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return order{}, letter(record, "NOT_FRAMED", "The record has no Confluent frame.")
	}
	key, err := keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	if err != nil {
		return order{}, letter(record, "FORGED", "No key that the bank knows has made the MAC of this record for this topic.")
	}
	reader, err := decoder("")
	if err != nil {
		return order{}, letter(record, "UNREADABLE", "The bank cannot read commands of this version.")
	}
	o := order{producer: key.Producer, key: key}
	if o.Command, err = reader.Decode(body); err != nil {
		cause := "UNREADABLE"
		if errors.Is(err, command.ErrTooLong) {
			cause = "TOO_LONG"
		}
		return order{}, letter(record, cause, "The body is not a command of version 1.")
	}
	if cause, message := s.check(&o, record, key); cause != "" {
		return order{}, letter(record, cause, message)
	}
	o.namespace = s.Edge.Namespace(o.producer)
	o.transaction = s.Code.TransactionID(o.namespace, o.RequestID)
	return o, nil
}

// check returns why a body of a known producer is still no command, and sets the user.
func (s *Service) check(o *order, record *kgo.Record, key *command.Key) (cause, message string) {
	switch {
	case o.BankCode != string(s.Code):
		return "OTHER_BANK", "The command is for another bank."
	case o.AccountID != string(record.Key):
		return "OTHER_KEY", "The key of the record is not the account of the command."
	case field.Word("request_id", o.RequestID) != nil:
		return "BAD_REQUEST_ID", "The request id is not 1 to 64 letters, digits and . _ : -"
	case calls[o.Kind] == nil:
		return "UNKNOWN_KIND", "This bank does not know the kind of the command."
	}
	switch o.PrincipalKind {
	case command.Service:
		if o.PrincipalID != "" {
			return "BAD_PRINCIPAL", "A producer that speaks for itself names no user."
		}
	case command.User:
		user, err := id.Parse(o.PrincipalID)
		if err != nil || user.IsZero() {
			return "BAD_PRINCIPAL", "The command names no user."
		}
		if !key.ForUsers {
			return "NOT_FOR_USERS", "The key of the producer is not one that may speak for users."
		}
		o.user = user
	default:
		return "BAD_PRINCIPAL", "This bank does not know the kind of the principal."
	}
	return "", ""
}
