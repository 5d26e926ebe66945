// Package results reads how the bank has ended commands, and ends the transfers that they are about. A result that
// comes again changes nothing. The bank signs a result with the key that signed the command, so nobody else who can
// write the topic ends a transfer.
package results

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/gateway"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
)

// Config is what a Handler works with. All fields are required.
type Config struct {
	Store    gateway.Store
	Registry *registry.Registry
	// Keys are those of the gateway: all with which commands were signed whose transfers have not ended.
	Keys *command.Keys
	// BankCode is the code of the bank whose results count.
	BankCode string
	Logger   *slog.Logger
}

// Handler implements consumer.Handler for the topic of results. Make one with New. It is safe for concurrent use.
type Handler struct {
	config Config

	mutex    sync.Mutex
	decoders map[uint32]*command.Decoder[command.Result]

	completed, cancelled, foreign, unreadable atomic.Int64
}

// Stats counts what a Handler has done since it was made.
type Stats struct {
	// Completed and Cancelled are transfers that it has ended.
	Completed, Cancelled int64
	// Foreign are results that are about no transfer of the gateway, Unreadable records that are no results, or
	// not the bank's.
	Foreign, Unreadable int64
}

var (
	_ consumer.Handler     = (*Handler)(nil)
	_ consumer.DeadLetters = NoLetters{}
)

// NoLetters is the dead-letter topic of results, which have none: a Handler passes over what it cannot read.
type NoLetters struct{}

// Put implements consumer.DeadLetters. It is never called.
func (NoLetters) Put(context.Context, []consumer.Letter) error { return nil }

// New returns a Handler.
func New(config Config) *Handler {
	return &Handler{config: config, decoders: make(map[uint32]*command.Decoder[command.Result])}
}

// Stats returns the counters.
func (h *Handler) Stats() Stats {
	return Stats{Completed: h.completed.Load(), Cancelled: h.cancelled.Load(), Foreign: h.foreign.Load(), Unreadable: h.unreadable.Load()}
}

// Handle implements consumer.Handler: it ends the transfers that records are about, in one commit. A record that
// cannot be read is logged and passed over, because the bank sends the result again with the next repeat of its
// command. An error means that the registry or the store is away.
func (h *Handler) Handle(ctx context.Context, records []*kgo.Record) ([]consumer.Letter, error) {
	endings, err := h.endings(ctx, records)
	if err != nil || len(endings) == 0 {
		return nil, err
	}
	ended, err := h.config.Store.End(ctx, endings)
	for _, ending := range ended {
		if ending.Status == gateway.Completed {
			h.completed.Add(1)
		} else {
			h.cancelled.Add(1)
		}
	}
	return nil, err
}

// endings returns what records mean for transfers.
func (h *Handler) endings(ctx context.Context, records []*kgo.Record) ([]gateway.Ending, error) {
	var endings []gateway.Ending
	for _, record := range records {
		number, body, err := event.ParseFrame(record.Value)
		if err != nil {
			h.passOver(record, err)
			continue
		}
		decoder, err := h.decoder(ctx, number)
		if err != nil {
			return nil, err
		}
		if decoder == nil {
			h.passOver(record, registry.ErrNotRegistered)
			continue
		}
		result, err := decoder.Decode(body)
		if err != nil {
			h.passOver(record, err)
			continue
		}
		ending, ours := transfer.EndingOf(&result, h.config.BankCode)
		switch {
		case !ours:
			h.foreign.Add(1)
		case !h.isSigned(record, body):
			h.passOver(record, command.ErrForged)
		default:
			endings = append(endings, ending)
		}
	}
	return endings, nil
}

// isSigned reports whether the bank has made a record for the gateway.
func (h *Handler) isSigned(record *kgo.Record, body []byte) bool {
	key, err := h.config.Keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	return err == nil && key.Producer == gateway.Namespace
}

func (h *Handler) passOver(record *kgo.Record, err error) {
	h.unreadable.Add(1)
	h.config.Logger.Error("a record of the results cannot be read and is passed over",
		"topic", record.Topic, "partition", record.Partition, "offset", record.Offset, "error", err)
}

// decoder returns the decoder of what was written with a schema; nil if there is no such schema, or if it is not
// that of a result. The error says that the registry cannot be asked.
func (h *Handler) decoder(ctx context.Context, number uint32) (*command.Decoder[command.Result], error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if known, ok := h.decoders[number]; ok {
		return known, nil
	}
	text, err := h.config.Registry.Text(ctx, number)
	switch {
	case err == nil:
	case isUnknown(err):
		return nil, nil // Asked again with the next record, because it may be registered by then.
	default:
		return nil, err
	}
	decoder, err := command.NewDecoder[command.Result](text)
	if err != nil {
		h.config.Logger.Error("a schema of the topic of results is not that of a result", "schema_id", number, "error", err)
	}
	h.decoders[number] = decoder
	return decoder, nil
}

func isUnknown(err error) bool { return errors.Is(err, registry.ErrNotRegistered) }
