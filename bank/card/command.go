package card

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
)

// issue is the command that opens an account and issues its first card.
type issue struct {
	id      bank.ID
	request bank.Request
	account bank.Account
	card    bank.NewCard
	limit   int64
	at      time.Time // of a loaded history; zero means now
	// refusal refuses a currency that was withdrawn, or what a text holds. It counts only when the
	// request is not a repeat: a card that was issued before keeps its answer.
	refusal error
}

// Key implements bank.Command.
func (i *issue) Key() bank.ID { return i.id }

// Keys implements bank.Command.
func (i *issue) Keys() bank.Keys { return bank.Keys{Transactions: []bank.ID{i.id}} }

// Decide implements bank.Command.
func (i *issue) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(i.at, now)
	first, err := book.Repeat(i.id, &i.request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	if i.refusal != nil {
		return bank.Outcome{Err: i.refusal}
	}
	book.Open(i.account)
	book.Issue(i.card)
	opening, err := book.Post(bank.Entry{
		TransactionID: i.id,
		Request:       i.request,
		AccountID:     i.account.ID,
		Kind:          bank.KindOpening,
		Direction:     bank.NoDirection,
		Status:        bank.Applied,
		Card:          i.card.Card.CardSnapshot,
	}, bank.Effect{CreditLimit: i.limit}, now)
	return bank.Outcome{Entry: opening, Err: err}
}

// changeLimit is the command that sets the credit limit of an account.
type changeLimit struct {
	id      bank.ID
	request bank.Request
	card    bank.CardSnapshot
	account bank.ID
	limit   int64
	refusal error // refuses to store the request id, if it is new
}

// Key implements bank.Command.
func (c *changeLimit) Key() bank.ID { return c.id }

// Keys implements bank.Command.
func (c *changeLimit) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.account}, Cards: []bank.ID{c.card.ID}, Transactions: []bank.ID{c.id}}
}

// Decide implements bank.Command.
func (c *changeLimit) Decide(book *bank.Book, now time.Time) bank.Outcome {
	account, okAccount := book.Account(c.account)
	card, okCard := book.Card(c.card.ID)
	if !okAccount || !okCard {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, err := book.Repeat(c.id, &c.request)
	switch {
	case entry != nil || err != nil:
	case c.refusal != nil:
		return bank.Outcome{Err: c.refusal}
	case account.IsClosed():
		return bank.Outcome{Err: bank.ErrAccountClosed}
	}
	if entry == nil && err == nil {
		entry, err = book.Post(bank.Entry{
			TransactionID: c.id,
			Request:       c.request,
			AccountID:     c.account,
			Kind:          bank.KindLimitChange,
			Direction:     bank.NoDirection,
			Status:        bank.Applied,
			Card:          c.card,
		}, bank.Effect{CreditLimit: c.limit - account.CreditLimit}, now)
	}
	if err != nil {
		return bank.Outcome{Err: err}
	}
	// The limit of this request's own outcome, even if it was changed again since.
	account.CreditLimit = entry.CreditLimitAfter
	return bank.Outcome{Entry: entry, Card: card, Account: account}
}

// setBlocked is the command with which a side blocks or unblocks a card. It makes no entry, because it changes
// the card and not the account. Its id is random, so equal commands do not join.
type setBlocked struct {
	id      bank.ID
	card    bank.ID
	account bank.ID
	side    bank.Blocks
	blocked bool
}

// Key implements bank.Command.
func (s *setBlocked) Key() bank.ID { return s.id }

// Act implements bank.Act.
func (s *setBlocked) Act() (auditlog.Act, string) {
	if s.blocked {
		return bank.ActBlock, "cards/" + s.card.String()
	}
	return bank.ActUnblock, "cards/" + s.card.String()
}

// Keys implements bank.Command.
func (s *setBlocked) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{s.account}, Cards: []bank.ID{s.card}}
}

// Decide implements bank.Command.
func (s *setBlocked) Decide(book *bank.Book, _ time.Time) bank.Outcome {
	account, okAccount := book.Account(s.account)
	card, okCard := book.Card(s.card)
	if !okAccount || !okCard {
		return bank.Outcome{Err: bank.ErrStale}
	}
	if blocks := card.Blocks.With(s.side, s.blocked); blocks != card.Blocks {
		card.Blocks = blocks
		book.SetCard(card)
	}
	return bank.Outcome{Card: card, Account: account}
}
