// Package intake takes the requests for files that come by a topic: for programs that ask in a user's name and do
// not wait. The offsets of the topic lie in the statement's database, so a database that is restored has the requests
// read again. A repeat changes nothing, because the same producer and request id are the same file.
//
// A request that comes too early, because the sink is behind or because five files of its owner are being made, is stored
// as a file that waits, and does not hold up the requests behind it. Jobs try to admit it, less and less often, and it has
// failed if that takes too long. So who asked sees what has become of it. A record that is no request of anybody the program
// knows, or that can never be a file, is a dead letter, whose cause is the stable reason that a call would have been answered.
package intake

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/principal"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/files"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxBroken is how often a record is tried that meets an internal error, before it is a dead letter.
const maxBroken = 5

// Topic returns the topic of requests to the statement of a bank.
func Topic(bankCode string) string { return "statement-" + bankCode + ".requests.v1" }

// Reader returns the name under which the requests are read: that of the consumer group, and of the dead-letter topic
// behind consumer.LettersPrefix.
func Reader(bankCode string) string { return "statement-" + bankCode + ".requests" }

// Service takes requests. Make one with New. It is safe for concurrent use.
type Service struct {
	config Config
	reader *command.Decoder[command.StatementRequest]

	mutex sync.Mutex
	// broken counts how often a record has met an internal error.
	broken map[place]int
}

// Config is the configuration of a Service. All fields are required.
type Config struct {
	BankCode string
	Files    *files.Service
	// Keys returns the keys of the producers as they are now.
	Keys func() *command.Keys
	// Mails says that files can be announced by e-mail. If not, an address is left out.
	Mails  bool
	Now    func() time.Time
	Logger *slog.Logger
}

// place is that of a record in its topic.
type place struct {
	partition int32
	offset    int64
}

var _ consumer.Handler = (*Service)(nil)

// New returns a Service.
func New(config Config) (*Service, error) {
	// The number in the frame says in which version a body was written, but the MAC does not cover it, so nothing is
	// decided by it.
	reader, err := command.NewDecoder[command.StatementRequest]("")
	return &Service{config: config, reader: reader, broken: make(map[place]int)}, err
}

// Handle implements consumer.Handler.
func (s *Service) Handle(ctx context.Context, batch []*kgo.Record) ([]consumer.Letter, error) {
	var letters []consumer.Letter
	keys := s.config.Keys()
	for _, record := range batch {
		if to := consumer.Header(record, consumer.HeaderTo); to != nil && string(to) != Reader(s.config.BankCode) {
			continue
		}
		asked, letter := s.verify(record, keys)
		if letter == nil {
			var err error
			if letter, err = s.take(ctx, record, asked); err != nil {
				return nil, err
			}
		}
		if letter != nil {
			letters = append(letters, *letter)
		}
	}
	return letters, nil
}

// take stores the file that a request asks for, and its job. It returns why that can never be done, or an error if it
// has to be tried again.
func (s *Service) take(ctx context.Context, record *kgo.Record, asked *files.File) (*consumer.Letter, error) {
	_, err := s.config.Files.Request(ctx, asked)
	at := place{record.Partition, record.Offset}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err == nil {
		delete(s.broken, at)
		return nil, nil
	}
	known := fault.Of(err)
	switch known.Code {
	case fault.Unavailable, fault.DeadlineExceeded:
		return nil, err
	case fault.Internal:
		if s.broken[at]++; s.broken[at] < maxBroken {
			return nil, err
		}
		delete(s.broken, at)
		s.config.Logger.ErrorContext(ctx, "a request for a file meets an internal error at every try; it is a dead letter",
			"partition", at.partition, "offset", at.offset, "error", err)
		return letter(record, known.Reason, "The statement met an internal error at every try. Its log says more; send the letter again when the fault is repaired."), nil
	}
	return letter(record, known.Reason, known.Message), nil
}

func letter(record *kgo.Record, cause, message string) *consumer.Letter {
	return &consumer.Letter{Record: record, Cause: cause, Message: message}
}

// verify returns the file that a record asks for, or why it asks for none.
func (s *Service) verify(record *kgo.Record, keys *command.Keys) (*files.File, *consumer.Letter) {
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return nil, letter(record, "NOT_FRAMED", "The record has no Confluent frame.")
	}
	key, err := keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	if err != nil {
		return nil, letter(record, "FORGED", "No key that the statement knows has made the MAC of this record for this topic.")
	}
	request, err := s.reader.Decode(body)
	if err != nil {
		cause := "UNREADABLE"
		if errors.Is(err, command.ErrTooLong) {
			cause = "TOO_LONG"
		}
		return nil, letter(record, cause, "The body is not a request of version 1.")
	}
	account, accountErr := id.Parse(request.AccountID)
	user, userErr := id.Parse(request.UserID)
	switch {
	case request.BankCode != s.config.BankCode:
		return nil, letter(record, "OTHER_BANK", "The request is for the statement of another bank.")
	case request.AccountID != string(record.Key) || accountErr != nil:
		return nil, letter(record, "OTHER_KEY", "The key of the record is not the account of the request.")
	case field.Word("request_id", request.RequestID) != nil:
		return nil, letter(record, "BAD_REQUEST_ID", "The request id is not 1 to 64 letters, digits and . _ : -")
	case userErr != nil || user.IsZero():
		return nil, letter(record, "BAD_PRINCIPAL", "The request names no user.")
	case !key.ForUsers:
		return nil, letter(record, "NOT_FOR_USERS", "The key of the producer is not one that may speak for users.")
	}
	owner := principal.Principal{Kind: principal.User, Name: user.String()}
	asked := &files.File{
		Account: account, Owner: owner.Namespace(), Reader: statement.Reader(user.String()), Requester: "event:" + key.Producer,
		RequestID: request.RequestID, Language: request.Language,
		Range: statement.Range{Start: time.UnixMilli(request.StartAtMillis).UTC(), End: time.UnixMilli(request.EndAtMillis).UTC()},
	}
	asked.Format, _ = file.ParseFormat(request.Format)
	if s.config.Mails {
		asked.Email = request.Email
	}
	if refusal := asked.Check(s.config.Now()); refusal != nil {
		known := fault.Of(refusal)
		return nil, letter(record, "BAD_"+known.Reason, known.Field+": "+known.Message)
	}
	return asked, nil
}
