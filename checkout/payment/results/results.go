// Package results reads the processor's answers and applies them to the charges and operations that they are about.
// An answer that comes again changes nothing. It counts only under a MAC of the key that signed the request, so nobody
// else who can write the topic decides a charge.
package results

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// Config is what a Handler works with. All fields are required.
type Config struct {
	Store payment.Store
	// Keys are those of the payment gateway: all with which requests were signed that are not answered.
	Keys   *command.Keys
	Logger *slog.Logger
}

// Handler implements consumer.Handler for the topic of answers. Make one with New. It is safe for concurrent use.
type Handler struct {
	config Config

	approved, rejected, unreadable atomic.Int64
}

// Stats counts what a Handler has done since it was made.
type Stats struct {
	// Approved and Rejected are answers that have changed something.
	Approved, Rejected int64
	// Unreadable are records that are no answers, or not the processor's.
	Unreadable int64
}

var (
	_ consumer.Handler     = (*Handler)(nil)
	_ consumer.DeadLetters = NoLetters{}
)

// NoLetters is the dead-letter topic of answers, which have none: a Handler passes over what it cannot read.
type NoLetters struct{}

// Put implements consumer.DeadLetters. It is never called.
func (NoLetters) Put(context.Context, []consumer.Letter) error { return nil }

// New returns a Handler.
func New(config Config) *Handler { return &Handler{config: config} }

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	return Stats{Approved: h.approved.Load(), Rejected: h.rejected.Load(), Unreadable: h.unreadable.Load()}
}

// Handle implements consumer.Handler: it applies the answers that records are, in one commit. A record that cannot be
// read, or that the processor did not sign, is logged and passed over, because a request is sent again until it is
// answered. With an error nothing is applied, and the records are handled again.
func (h *Handler) Handle(ctx context.Context, records []*kgo.Record) ([]consumer.Letter, error) {
	var results []payment.Result
	for _, record := range records {
		result, err := h.verify(record)
		if err != nil {
			h.unreadable.Add(1)
			h.config.Logger.Error("a record of the answers to charges cannot be read and is passed over",
				"topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
			continue
		}
		results = append(results, result)
	}
	applied, err := h.config.Store.Apply(ctx, results)
	for i := range applied {
		if applied[i].Decision.Approved {
			h.approved.Add(1)
		} else {
			h.rejected.Add(1)
		}
	}
	return nil, err
}

// verify returns the answer that a record is.
func (h *Handler) verify(record *kgo.Record) (payment.Result, error) {
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		return payment.Result{}, err
	}
	key, err := h.config.Keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	if err != nil || key.Producer != accept.Producer {
		return payment.Result{}, command.ErrForged
	}
	decoder, err := command.NewDecoder[command.ChargeResult]("")
	if err != nil {
		return payment.Result{}, err
	}
	answer, err := decoder.Decode(body)
	if err != nil {
		return payment.Result{}, err
	}
	return resultOf(&answer)
}

// errNoAnswer says that a body of the processor is still no answer.
type errNoAnswer string

func (e errNoAnswer) Error() string { return "results: " + string(e) }

// resultOf returns what an answer means.
func resultOf(answer *command.ChargeResult) (payment.Result, error) {
	charge, err := id.Parse(answer.ChargeID)
	if err != nil {
		return payment.Result{}, err
	}
	request, err := id.Parse(answer.RequestID)
	if err != nil {
		return payment.Result{}, err
	}
	result := payment.Result{Charge: charge, At: time.UnixMilli(answer.DecidedAtMillis).UTC()}
	switch {
	case answer.Kind == command.Expire && request != payment.ExpiryID(charge):
		return payment.Result{}, errNoAnswer("the request is not the question after this charge")
	case answer.Kind == command.Expire:
		result.Expiry = true
	case answer.Kind == command.Payout && request != charge:
		return payment.Result{}, errNoAnswer("the request is not the payout")
	case answer.Kind == command.Payout:
		result.Charge, result.Payout = id.ID{}, request
	case request != charge:
		result.Operation = request
	}
	result.Decision.Lapsed = answer.LapsedAtMillis != 0
	switch answer.Status {
	case command.Approved:
		if answer.Kind == command.Charge && answer.Mode == command.LiveMode && !isPurchase(answer.Purchase) {
			return payment.Result{}, errNoAnswer("an approved live charge has no purchase")
		}
		result.Decision.Approved, result.Decision.Purchase = true, answer.Purchase
		if answer.ExpiresAtMillis != 0 {
			result.Decision.ExpiresAt = time.UnixMilli(answer.ExpiresAtMillis).UTC()
		}
	case command.Rejected:
		if answer.Code == "" || answer.Reason == "" {
			return payment.Result{}, errNoAnswer("a rejection has no code or no reason")
		}
		result.Decision.Rejection = payment.Rejection{Code: answer.Code, Reason: answer.Reason, Message: answer.Message}
	default:
		return payment.Result{}, errNoAnswer("the status is neither APPROVED nor REJECTED")
	}
	return result, nil
}

// isPurchase reports whether a name has the form of a purchase at the bank, which the store demands.
func isPurchase(name string) bool {
	_, err := field.ID("purchase", "purchases/", name)
	return err == nil
}
