// Package processor decides what merchants ask for through the payment gateway, and publishes the answers. It keeps
// nothing: a request that comes again is decided again, and the gateway lets the first answer count. So the offset of
// a record is stored after its answer is on the topic, and a crash in between only repeats the answer.
//
//	processor.go  Handler: records in, answers out
//	verify.go     which records count
//	decide.go     the answers
package processor

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Reader is the name under which the processor reads charges: that of its consumer group, and of its dead-letter
// topic behind consumer.LettersPrefix.
const Reader = "checkout.charges"

// ResultTopic is the topic of the answers.
const ResultTopic = "checkout.charge-results.v1"

// Config is what a Handler works with. All fields but Failpoint are required.
type Config struct {
	Cards     payment.Keys
	Publisher outbox.Publisher
	// Keys are those of the payment gateway.
	Keys *command.Keys
	// Now is the clock.
	Now func() time.Time
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Handler implements consumer.Handler for the topic of charges. Make one with New. It is safe for concurrent use.
type Handler struct {
	config Config

	approved, rejected, ended, unanswered atomic.Int64
}

// Stats counts what a Handler has done since it was made.
type Stats struct {
	// Approved and Rejected are answers that are on the topic.
	Approved, Rejected int64
	// Ended are charges that were decided before, Unanswered those whose answer was lost on purpose.
	Ended, Unanswered int64
}

var _ consumer.Handler = (*Handler)(nil)

// New returns a Handler.
func New(config Config) *Handler { return &Handler{config: config} }

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	return Stats{Approved: h.approved.Load(), Rejected: h.rejected.Load(), Ended: h.ended.Load(), Unanswered: h.unanswered.Load()}
}

// Handle implements consumer.Handler: it answers what records ask for. An error means that the database, the
// registry or the broker is away.
func (h *Handler) Handle(ctx context.Context, records []*kgo.Record) ([]consumer.Letter, error) {
	var letters []consumer.Letter
	var answers []outbox.Row
	approved := int64(0)
	for _, record := range records {
		if isForOthers(record) {
			continue
		}
		answer, letter, err := h.answer(ctx, record)
		switch {
		case err != nil:
			return nil, err
		case letter != nil:
			letters = append(letters, *letter)
		case answer != nil:
			answers = append(answers, answer.row)
			approved += answer.approvals()
		}
	}
	if err := h.publish(ctx, answers); err != nil {
		return nil, err
	}
	h.approved.Add(approved)
	h.rejected.Add(int64(len(answers)) - approved)
	return letters, nil
}

// answer returns the answer to a record, or why it cannot be answered. Both are nil if there is none to give.
func (h *Handler) answer(ctx context.Context, record *kgo.Record) (*answer, *consumer.Letter, error) {
	request, letter := h.verify(record)
	if letter != nil {
		return nil, letter, nil
	}
	result, letter, err := h.decide(ctx, &request)
	if letter != nil {
		letter.Record = record
	}
	if result == nil || letter != nil || err != nil {
		return nil, letter, err
	}
	made, err := request.signed(result)
	return made, nil, err
}

// publish puts answers on the topic. All are published again if one fails: an answer that comes twice changes nothing.
func (h *Handler) publish(ctx context.Context, answers []outbox.Row) error {
	if len(answers) == 0 {
		return nil
	}
	err := errors.Join(h.config.Publisher.Publish(ctx, answers)...)
	h.config.Failpoint.After(err, failpoints.ChargesAnswered)
	return err
}
