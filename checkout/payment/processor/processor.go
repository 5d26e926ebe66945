// Package processor decides what merchants ask for through the payment gateway, and publishes the answers. It keeps
// nothing: a request that comes again is decided again, and the gateway lets the first answer count. So the offset of
// a record is stored after its answer is on the topic, and a crash in between only repeats the answer.
//
//	processor.go  Handler: records in, answers out
//	verify.go     which records count
//	batch.go      the requests of a batch, many at once
//	decide.go     the answers, in test mode those of a simulated acquirer
//	live.go       the answers in live mode: those of the bank
//	payout.go     the same for payouts
package processor

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// Reader is the name under which the processor reads charges: that of its consumer group, and of its dead-letter
// topic behind consumer.LettersPrefix.
const Reader = "checkout.charges"

// ResultTopic is the topic of the answers.
const ResultTopic = "checkout.charge-results.v1"

// Config is what a Handler works with. All fields but Logger and Failpoint are required.
type Config struct {
	Cards payment.Keys
	// Acquirer decides live charges.
	Acquirer payment.Acquirer
	// Payer decides live payouts; it is the same bank.
	Payer     payment.Payer
	Publisher outbox.Publisher
	// Keys are those of the payment gateway.
	Keys *command.Keys
	// Now is the clock.
	Now    func() time.Time
	Logger *slog.Logger
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Handler implements consumer.Handler for the topic of charges. Make one with New. It is safe for concurrent use.
type Handler struct {
	config Config

	approved, rejected, ended, unanswered, unknown atomic.Int64
	// bankAnswers counts the answers of the acquirer, whatever they were.
	bankAnswers atomic.Int64
}

// Stats counts what a Handler has done since it was made.
type Stats struct {
	// Approved and Rejected are answers that are on the topic.
	Approved, Rejected int64
	// Ended are charges that were decided before, Unanswered those whose answer was lost on purpose.
	Ended, Unanswered int64
	// Unknown are calls to the acquirer after which nobody knows what became of the request. It is asked again.
	Unknown int64
}

var _ consumer.Handler = (*Handler)(nil)

// New returns a Handler.
func New(config Config) *Handler {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{config: config}
}

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	return Stats{
		Approved: h.approved.Load(), Rejected: h.rejected.Load(), Ended: h.ended.Load(), Unanswered: h.unanswered.Load(), Unknown: h.unknown.Load(),
	}
}

// Handle implements consumer.Handler: it answers what records ask for, many at once, and what is asked of one charge
// one after the other. An error means that the database, the registry, the broker or the acquirer is away, and that
// the same records are to be handled again. What only one request cannot get an answer to is left out: the gateway
// sends it again, and nobody waits for it.
func (h *Handler) Handle(ctx context.Context, records []*kgo.Record) ([]consumer.Letter, error) {
	batch := h.verifyAll(records)
	defer batch.forgetCards()
	if err := h.unlock(ctx, batch); err != nil {
		return nil, err
	}
	before := h.bankAnswers.Load()
	for wait := firstWait; ; wait *= 2 {
		h.decideAll(ctx, batch)
		if err := h.publish(ctx, batch.answered()); err != nil {
			return nil, err
		}
		away := batch.away()
		switch {
		case away == nil:
			return batch.letters(), nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case h.bankAnswers.Load() == before:
			return nil, away
		case wait > lastWait || fault.CodeOf(away) == fault.DeadlineExceeded: // It has waited long enough.
			h.leave(batch)
			return batch.letters(), nil
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// publish puts answers on the topic. All are published again if one fails: an answer that comes twice changes nothing.
func (h *Handler) publish(ctx context.Context, answers []*answer) error {
	if len(answers) == 0 {
		return nil
	}
	rows := make([]outbox.Row, 0, len(answers))
	approved := int64(0)
	for _, answer := range answers {
		rows = append(rows, answer.row)
		approved += answer.approvals()
	}
	err := errors.Join(h.config.Publisher.Publish(ctx, rows)...)
	h.config.Failpoint.After(err, failpoints.ChargesAnswered)
	if err != nil {
		return err
	}
	h.approved.Add(approved)
	h.rejected.Add(int64(len(answers)) - approved)
	return nil
}
