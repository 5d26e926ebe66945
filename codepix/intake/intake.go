// Package intake reads what banks say about payments, each on a topic of its own, and sends what the hub says to them.
//
//	intake.go   Handler: records of one bank in, decided payments out
//	verify.go   which records count
//	apply.go    a batch in one commit, or message by message if one cannot be decided
//	readers.go  Readers: a consumer for each bank, also for one that is added while the hub runs
//	signing.go  Signing: the MAC of what is sent
//	stats.go    the figures
package intake

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/payment"
	"codebank.dev/platform/consumer"
)

// Banks are the banks as they are at the moment.
type Banks interface {
	Current() *banks.Set
}

// Config is what handlers work with. All fields but Initiated and Logger are required.
type Config struct {
	Store payment.Store
	Banks Banks
	// Now is the clock.
	Now func() time.Time
	// Wake says that messages were committed, and are to be sent.
	Wake func()
	// Initiated is told of each new payment to a key, after its commit. A call may be lost. Nil for none.
	Initiated func(bank, account string)
	// Stats counts what was decided.
	Stats *Stats
	// Logger is told of messages that nobody can decide; nil for none.
	Logger *slog.Logger
}

// Handler implements consumer.Handler for the topic that one bank writes. It is safe for concurrent use.
type Handler struct {
	config Config
	// bank is the code of the bank.
	bank     string
	suspects consumer.Suspects
}

var _ consumer.Handler = (*Handler)(nil)

// New returns the handler of a bank's topic.
func New(config Config, bank string) *Handler { return &Handler{config: config, bank: bank} }

// Handle implements consumer.Handler: the messages of a batch are decided in their order, in one commit. An error means
// that the database is away or that a message has met an internal error, and that the same records are to be handled again.
func (h *Handler) Handle(ctx context.Context, records []*kgo.Record) ([]consumer.Letter, error) {
	var letters []consumer.Letter
	var received []payment.Received
	var sources []*kgo.Record
	for _, record := range records {
		if h.isForOthers(record) {
			continue
		}
		message, letter := h.verify(record)
		if letter != nil {
			letters = append(letters, *letter)
			continue
		}
		received, sources = append(received, message), append(sources, record)
	}
	outcomes, err := h.apply(ctx, received)
	if err != nil {
		return nil, err
	}
	for i := range outcomes {
		if letter := outcomes[i].Letter; letter != nil {
			letters = append(letters, consumer.Letter{Record: sources[i], Cause: letter.Cause, Message: letter.Text})
		}
	}
	h.config.Stats.letters(letters)
	h.config.Wake()
	return letters, nil
}

// tell counts an outcome, and says that a payment is new.
func (h *Handler) tell(outcome *payment.Outcome) {
	for i := range outcome.Events {
		p := &outcome.Events[i]
		h.config.Stats.count(p)
		if isNew := p.Version == 1 && p.State == payment.Pending; isNew && !p.ID.IsReturn() && h.config.Initiated != nil {
			h.config.Initiated(p.Terms.Sender.Bank, p.Terms.Sender.Account.String())
		}
	}
}
