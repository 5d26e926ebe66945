package pix

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"codebank.dev/bank"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/fault"
	"codebank.dev/schemas/command"
	"codebank.dev/schemas/event"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Reader returns the name under which a bank reads the messages of the hub: that of its consumer group, and of its
// dead-letter topic behind consumer.LettersPrefix.
func Reader(code bank.Code) string { return "bank-" + string(code) + ".pix" }

// Handler deals with the messages of the hub. All fields but Logger are required; it is safe for concurrent use.
type Handler struct {
	Service *Service
	// Keys returns the keys as they are now.
	Keys   func() *command.Keys
	Logger *slog.Logger

	suspects consumer.Suspects
	slots    chan struct{}
	once     sync.Once
}

// atOnce is how many messages of a process are with the ledger at once. Messages wait; callers do not, and the queue is
// theirs too.
const atOnce = 256

var _ consumer.Handler = (*Handler)(nil)

// arrival is a message on its way.
type arrival struct {
	record   *kgo.Record
	message  command.PixMessage
	endToEnd EndToEnd
	letter   *consumer.Letter
	err      error
}

// Handle implements consumer.Handler. The messages of one payment and of its returns are decided in the order of the
// topic, those of different payments side by side, so that they share commits.
func (h *Handler) Handle(ctx context.Context, batch []*kgo.Record) ([]consumer.Letter, error) {
	h.once.Do(func() { h.slots = make(chan struct{}, atOnce) })
	arrivals, keys := make([]arrival, len(batch)), h.Keys()
	order := make(map[string][]*arrival)
	for i, record := range batch {
		a := &arrivals[i]
		a.record = record
		if to := consumer.Header(record, consumer.HeaderTo); to != nil && string(to) != Reader(h.Service.Code) {
			continue
		}
		if h.verify(a, keys); a.letter == nil {
			order[string(record.Key)] = append(order[string(record.Key)], a)
		}
	}
	var group sync.WaitGroup
	for _, payment := range order {
		group.Go(func() { h.payment(ctx, payment) })
	}
	group.Wait()
	var letters []consumer.Letter
	for i := range arrivals {
		switch a := &arrivals[i]; {
		case a.err != nil:
			return nil, a.err
		case a.letter != nil:
			letters = append(letters, *a.letter)
		}
	}
	return letters, nil
}

// payment decides the messages of one payment, one after the other. Those that follow one without an outcome wait for
// the next try.
func (h *Handler) payment(ctx context.Context, arrivals []*arrival) {
	for _, a := range arrivals {
		select {
		case h.slots <- struct{}{}:
		case <-ctx.Done():
			a.err = ctx.Err()
			return
		}
		h.decide(ctx, a)
		<-h.slots
		if a.err != nil {
			return
		}
	}
}

// decide has one message decided. What the ledger refuses for good is a dead letter, and so is what meets an internal
// error at every try: the hub, or this bank, repeats what is not answered, so the payment goes on when the fault is
// repaired, and its money stays held until then.
func (h *Handler) decide(ctx context.Context, a *arrival) {
	decided, err := h.Service.command(ctx, a)
	if err == nil {
		_, err = h.Service.Ledger.Submit(ctx, decided)
	}
	name := a.message.EndToEndID + " " + a.message.Step
	if err == nil {
		h.suspects.Dealt(name)
		return
	}
	switch fault.CodeOf(err) {
	case fault.Unavailable, fault.DeadlineExceeded, fault.ResourceExhausted:
		a.err = err
	case fault.Internal:
		if !h.suspects.Failed(name) {
			a.err = err
			return
		}
		a.letter = letter(a.record, "INTERNAL", "The bank met an internal error at every try. Its log says more; send the letter again when the fault is repaired.")
		h.log("a message of the hub meets an internal error at every try; it is a dead letter", a, slog.Any("error", err))
	default:
		h.suspects.Dealt(name)
		refusal := fault.Of(err)
		a.letter = letter(a.record, refusal.Reason, refusal.Message)
		h.log("a message of the hub does not fit the ledger; it is a dead letter", a, slog.String("cause", refusal.Reason))
	}
}

// log tells of a message that is a dead letter.
func (h *Handler) log(text string, a *arrival, why slog.Attr) {
	if h.Logger != nil {
		h.Logger.Error(text, slog.String("end_to_end_id", a.message.EndToEndID), slog.String("step", a.message.Step), why)
	}
}

// command returns what a message asks for.
func (s *Service) command(ctx context.Context, a *arrival) (bank.Command, error) {
	m := &a.message
	own, isOwn := a.endToEnd.OwnTransaction(s.Code)
	isReturn := m.Kind == command.PixReturnKind
	switch {
	case m.Step == command.PixInitiated && isReturn:
		return s.cameBack(ctx, m)
	case m.Step == command.PixInitiated:
		return s.arrived(ctx, m)
	case !isOwn:
		return nil, errUnknown
	case isReturn:
		return s.returned(ctx, m, own)
	}
	return s.answered(ctx, m, own)
}

func letter(record *kgo.Record, cause, message string) *consumer.Letter {
	return &consumer.Letter{Record: record, Cause: cause, Message: message}
}

// decoder reads the bodies of version 1. The number in the frame says in which version a body was written, but the MAC
// does not cover it, so nothing is decided by it.
var decoder = sync.OnceValues(func() (*command.Decoder[command.PixMessage], error) {
	return command.NewDecoder[command.PixMessage]("")
})

// verify reads the message that a record is, or says why it is none.
func (h *Handler) verify(a *arrival, keys *command.Keys) {
	record := a.record
	_, body, err := event.ParseFrame(record.Value)
	if err != nil {
		a.letter = letter(record, "NOT_FRAMED", "The record has no Confluent frame.")
		return
	}
	key, err := keys.Verify(command.Record{Topic: record.Topic, Key: record.Key, Body: body},
		string(consumer.Header(record, command.HeaderKey)), string(consumer.Header(record, command.HeaderMAC)))
	if err != nil || key.Producer != command.PixHub {
		a.letter = letter(record, "FORGED", "No key of the hub has made the MAC of this record for this topic.")
		return
	}
	reader, err := decoder()
	if err == nil {
		a.message, err = reader.Decode(body)
	}
	if err != nil {
		cause := "UNREADABLE"
		if errors.Is(err, command.ErrTooLong) {
			cause = "TOO_LONG"
		}
		a.letter = letter(record, cause, "The body is not a message of version 1.")
		return
	}
	if cause, message := h.check(a); cause != "" {
		a.letter = letter(record, cause, message)
	}
}

// check returns why a message of the hub is none for this bank.
func (h *Handler) check(a *arrival) (cause, message string) {
	m, code := &a.message, string(h.Service.Code)
	var ok bool
	a.endToEnd, ok = ParseEndToEnd(m.EndToEndID)
	isReturn := m.Kind == command.PixReturnKind
	switch {
	case !ok || string(a.endToEnd.Bank) != m.SenderBankCode || a.endToEnd.Return != isReturn:
		return "BAD_END_TO_END_ID", "The end-to-end id is not one of the sending bank."
	case string(m.RecordKey()) != string(a.record.Key):
		return "OTHER_KEY", "The key of the record is not that of the payment."
	case m.Kind != command.PixPaymentKind && !isReturn:
		return "UNKNOWN_KIND", "This bank does not know the kind of the message."
	case m.AmountMinor <= 0:
		return "BAD_AMOUNT", "The amount is not more than zero."
	}
	concerned := m.SenderBankCode
	switch m.Step {
	case command.PixInitiated:
		concerned = m.ReceiverBankCode
	case command.PixConfirmed, command.PixRejected:
	default:
		return "UNKNOWN_STEP", "This bank does not take such a step from the hub."
	}
	if concerned != code || m.SenderBankCode == m.ReceiverBankCode {
		return "OTHER_BANK", "The message is for another bank."
	}
	return "", ""
}
