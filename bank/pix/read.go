package pix

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/schemas/command"
)

// State is how far a payment has come, as this bank knows it.
type State uint8

// The states of a payment.
const (
	// Pending: the other bank did not answer yet.
	Pending State = iota + 1
	// Completed: the money is at the other bank, or came in.
	Completed
	// Rejected: it never takes place, and what was set aside is free again.
	Rejected
)

// Payment is a payment or a return, with what became of it.
type Payment struct {
	// Entry is what the customer's account says of it: the hold of what he sends, the credit of what came in, the debit
	// or credit of a return.
	Entry bank.Entry
	State State
	// Reason is why it was rejected, a stable name.
	Reason string
	// Returned is how much of it was given back, in minor units.
	Returned int64
	Repeat   bool
}

// Incoming reports whether the money comes to this bank.
func (p *Payment) Incoming() bool { return p.Entry.Direction == bank.Credit }

// textOf returns the end-to-end id in the name of a payment.
func textOf(name string) (string, error) {
	text, ok := strings.CutPrefix(name, "pix/")
	if _, valid := ParseEndToEnd(text); !ok || !valid {
		return "", fault.Invalid("name", "The name of a payment is pix/ and its end-to-end id.")
	}
	return text, nil
}

// Get returns a payment of the principal's. Everything is read from the ledger. fault.NotFound when there is none, or
// none that the principal may see.
func (s *Service) Get(ctx context.Context, call Call, name string) (Payment, error) {
	text, err := textOf(name)
	if err != nil {
		return Payment{}, err
	}
	endToEnd, _ := ParseEndToEnd(text)
	payment, err := s.find(ctx, text, endToEnd)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !s.maySee(&call.Subject, &payment.Entry):
		return Payment{}, errNoPix
	}
	return payment, err
}

// maySee says who may see a payment. One that came to no account is for operators only.
func (s *Service) maySee(subject *bank.Subject, entry *bank.Entry) bool {
	return subject.MaySee(entry.CustomerID)
}

func (s *Service) find(ctx context.Context, text string, endToEnd EndToEnd) (Payment, error) {
	own, isOwn := endToEnd.OwnTransaction(s.Code)
	if !isOwn {
		entry, returned, err := s.Reader.Transaction(ctx, s.Code.PixInID(text))
		if err != nil {
			return Payment{}, err
		}
		return s.received(&entry, returned), nil
	}
	entry, _, err := s.Reader.Transaction(ctx, own)
	switch {
	case err != nil:
		return Payment{}, err
	case entry.EndToEndID != text:
		return Payment{}, bank.ErrNotFound
	case endToEnd.Return:
		return s.sentReturn(ctx, &entry, false)
	}
	return s.sent(ctx, &entry, false)
}

// received returns a payment that came in, or that never will.
func (s *Service) received(entry *bank.Entry, returned int64) Payment {
	switch entry.Status {
	case bank.Approved:
		return Payment{Entry: *entry, State: Completed, Returned: returned}
	case bank.Declined:
		return Payment{Entry: *entry, State: Rejected, Reason: entry.Decline.String()}
	}
	return Payment{Entry: *entry, State: Rejected, Reason: entry.Description}
}

// sent returns a payment of this bank with what became of its hold.
func (s *Service) sent(ctx context.Context, hold *bank.Entry, repeat bool) (Payment, error) {
	payment := Payment{Entry: *hold, State: Rejected, Reason: hold.Decline.String(), Repeat: repeat}
	if hold.Status != bank.Approved {
		return payment, nil
	}
	payment.State, payment.Reason = Pending, ""
	state, err := s.Holds.Hold(ctx, hold.TransactionID)
	if err != nil || state.EndedBy == 0 {
		return payment, err
	}
	payment.State, payment.Returned = Completed, state.GivenBack
	if state.EndedBy != bank.KindPixOut {
		end, _, err := s.Reader.Transaction(ctx, state.EndID)
		if err != nil {
			return Payment{}, err
		}
		payment.State, payment.Reason = Rejected, end.Description
	}
	return payment, nil
}

// sentReturn returns a return of this bank. It is pending while its message waits for an answer, and it was rejected
// if its money came again.
func (s *Service) sentReturn(ctx context.Context, debit *bank.Entry, repeat bool) (Payment, error) {
	payment := Payment{Entry: *debit, State: Rejected, Reason: debit.Decline.String(), Repeat: repeat}
	if debit.Status != bank.Approved {
		return payment, nil
	}
	waits, err := s.Messages.Waits(ctx, bank.MessageID{EndToEndID: debit.EndToEndID, Step: command.PixInitiated})
	payment.State, payment.Reason = Pending, ""
	if err != nil || waits {
		return payment, err
	}
	again, _, err := s.Reader.Transaction(ctx, s.Code.PixInID(debit.EndToEndID))
	switch {
	case errors.Is(err, bank.ErrNotFound):
		payment.State = Completed
	case err != nil:
		return Payment{}, err
	default:
		payment.State, payment.Reason = Rejected, again.Description
	}
	return payment, nil
}

// List returns up to limit payments of an account, the newest first: those before the sequence before, or from the last
// one on when before is zero. Errors: fault.InvalidArgument account; fault.NotFound ACCOUNT_NOT_FOUND.
func (s *Service) List(ctx context.Context, subject bank.Subject, name string, before int64, limit int) ([]Payment, error) {
	account, err := field.ID("account", "accounts/", name)
	if err != nil {
		return nil, err
	}
	facts, err := s.Directory.AccountByID(ctx, account)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !subject.MaySee(facts.CustomerID):
		return nil, bank.ErrNoAccount.In("account")
	case err != nil:
		return nil, err
	}
	entries, err := s.Payments.PixOf(ctx, account, before, limit)
	if err != nil {
		return nil, err
	}
	payments := make([]Payment, len(entries))
	for i := range entries {
		if payments[i], err = s.state(ctx, &entries[i]); err != nil {
			return nil, err
		}
	}
	return payments, nil
}

// state returns the payment of an entry.
func (s *Service) state(ctx context.Context, entry *bank.Entry) (Payment, error) {
	switch {
	case entry.Kind == bank.KindHold:
		return s.sent(ctx, entry, false)
	case entry.Direction == bank.Debit:
		return s.sentReturn(ctx, entry, false)
	}
	_, returned, err := s.Reader.Transaction(ctx, entry.TransactionID)
	return s.received(entry, returned), err
}

// MaskName returns a name of which only the first word and the first letter of each later one are left, or three stars
// for no name.
func MaskName(name string) string {
	words := strings.Fields(name)
	if len(words) == 0 {
		return masked
	}
	for i, word := range words[1:] {
		first, _ := utf8.DecodeRuneInString(word)
		words[i+1] = string(first) + masked
	}
	return strings.Join(words, " ")
}

const masked = "***"

func idOf(text string) (bank.ID, error) {
	parsed, err := id.Parse(text)
	if err == nil && parsed.IsZero() {
		err = bank.ErrNotFound
	}
	return parsed, err
}

func idOrZero(text string) bank.ID {
	parsed, _ := id.Parse(text)
	return parsed
}
