package pix

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/schemas/command"
)

// answered returns the command for a payment of this bank that the other one has confirmed or rejected.
func (s *Service) answered(ctx context.Context, m *command.PixMessage, own bank.ID) (bank.Command, error) {
	account, err := s.accountOf(ctx, own)
	if err != nil {
		return nil, err
	}
	if m.Step == command.PixConfirmed {
		return &complete{code: s.Code, hold: own, account: account, message: *m}, nil
	}
	return &release{code: s.Code, hold: own, account: account, message: *m}, nil
}

// accountOf returns the account of a transaction that a message refers to.
func (s *Service) accountOf(ctx context.Context, transaction bank.ID) (bank.ID, error) {
	account, err := s.Directory.AccountOf(ctx, transaction)
	if errors.Is(err, bank.ErrNotFound) || err == nil && account.IsZero() {
		return bank.ID{}, errUnknown
	}
	return account, err
}

// holdOf returns the hold of a payment, if the message fits it.
func holdOf(book *bank.Book, id bank.ID, m *command.PixMessage) (*bank.Entry, error) {
	hold := book.Entry(id)
	switch {
	case hold == nil || hold.Kind != bank.KindHold || hold.EndToEndID != m.EndToEndID:
		return nil, errUnknown
	case hold.Status != bank.Approved || hold.Amount != m.AmountMinor || hold.Currency.String() != m.Currency ||
		string(hold.CounterpartyBankCode) != m.ReceiverBankCode:
		return nil, errContradiction
	}
	return hold, nil
}

// complete is the command that takes what a payment has set aside, because the other bank has credited it. It never
// asks the limit. The sums of the hold arbitrate between it and a release.
type complete struct {
	code          bank.Code
	hold, account bank.ID
	message       command.PixMessage
}

// Key implements bank.Command.
func (c *complete) Key() bank.ID { return c.code.PixOutID(c.hold) }

// Keys implements bank.Command.
func (c *complete) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.account}, Transactions: []bank.ID{c.Key()}, Originals: []bank.ID{c.hold}}
}

// Decide implements bank.Command.
func (c *complete) Decide(book *bank.Book, now time.Time) bank.Outcome {
	hold, err := holdOf(book, c.hold, &c.message)
	switch {
	case err != nil:
		return bank.Outcome{Err: err}
	case book.Sum(c.hold, bank.Released) > 0:
		return bank.Outcome{Err: errContradiction}
	case book.Sum(c.hold, bank.Captured) > 0:
		first := book.Entry(c.Key())
		if first == nil {
			return bank.Outcome{Err: errContradiction}
		}
		return c.end(book, first)
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	taken := bank.PixOutOf(c.code, hold)
	taken.Entry.TransactionID, taken.Entry.Request = c.Key(), request(&c.message)
	if err := send(book, answer(&c.message, command.PixCompleted, "", moment(&account, now))); err != nil {
		return bank.Outcome{Err: err}
	}
	book.Answered(c.message.EndToEndID, command.PixInitiated)
	posted, err := book.Post(taken.Entry, taken.Effect, now)
	return bank.Outcome{Entry: posted, Original: hold, Err: err}
}

// end tells the hub again what it has missed.
func (c *complete) end(book *bank.Book, first *bank.Entry) bank.Outcome {
	if err := send(book, answer(&c.message, command.PixCompleted, "", first.OccurredAt)); err != nil {
		return bank.Outcome{Err: err}
	}
	book.Answered(c.message.EndToEndID, command.PixInitiated)
	return bank.Outcome{Entry: first, Repeat: true}
}

// release is the command that gives back what a payment has set aside, because it is never credited.
type release struct {
	code          bank.Code
	hold, account bank.ID
	message       command.PixMessage
}

// Key implements bank.Command.
func (c *release) Key() bank.ID { return c.code.VoidID(c.hold) }

// Keys implements bank.Command.
func (c *release) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.account}, Transactions: []bank.ID{c.Key()}, Originals: []bank.ID{c.hold}}
}

// Decide implements bank.Command. The description of the release is the reason.
func (c *release) Decide(book *bank.Book, now time.Time) bank.Outcome {
	hold, err := holdOf(book, c.hold, &c.message)
	switch {
	case err != nil:
		return bank.Outcome{Err: err}
	case book.Sum(c.hold, bank.Captured) > 0:
		return bank.Outcome{Err: errContradiction}
	case book.Sum(c.hold, bank.Released) > 0:
		book.Answered(c.message.EndToEndID, command.PixInitiated)
		return bank.Outcome{Original: hold, Repeat: true}
	}
	if _, ok := book.Account(c.account); !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	freed := bank.ReleaseOf(hold, bank.KindVoid, hold.Amount)
	freed.Entry.TransactionID, freed.Entry.Request = c.Key(), request(&c.message)
	freed.Entry.Description = readable(c.message.Reason)
	posted, err := book.Post(freed.Entry, freed.Effect, now)
	if err == nil {
		book.Answered(c.message.EndToEndID, command.PixInitiated)
	}
	return bank.Outcome{Entry: posted, Original: hold, Err: err}
}
