package pix

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/schemas/command"
)

// arrived returns the command for a payment that comes in.
func (s *Service) arrived(ctx context.Context, m *command.PixMessage) (bank.Command, error) {
	c := &arrive{code: s.Code, id: s.Code.PixInID(m.EndToEndID), message: *m}
	account, err := idOf(m.ReceiverAccountID)
	if err != nil {
		c.refusal = reasonNoAccount
		return c, nil
	}
	facts, err := s.Directory.AccountByID(ctx, account)
	switch {
	case errors.Is(err, bank.ErrNotFound):
		c.refusal = reasonNoAccount
	case err != nil:
		return nil, err
	case facts.Currency.String() != m.Currency:
		c.refusal = reasonCurrency
	default:
		c.account, c.sender = account, idOrZero(m.SenderAccountID)
		c.facts = facts
		if txID := reference(m); txID != "" {
			c.paid = s.Code.PixCodeID(account, txID)
		}
	}
	return c, nil
}

// arrive is the command that credits a payment from another bank, or says for good that it will not be credited.
type arrive struct {
	code    bank.Code
	id      bank.ID
	message command.PixMessage
	// account is zero when refusal says why there is none to credit.
	account bank.ID
	facts   bank.AccountFacts
	sender  bank.ID
	refusal string
	// paid is the code that the payment names; zero when it names none. There may be no such code here.
	paid bank.ID
}

// Key implements bank.Command.
func (c *arrive) Key() bank.ID { return c.id }

// Keys implements bank.Command.
func (c *arrive) Keys() bank.Keys {
	keys := bank.Keys{Transactions: []bank.ID{c.id}}
	if c.refusal == "" {
		keys.Accounts = []bank.ID{c.account}
	}
	if !c.paid.IsZero() {
		keys.PixCodes = []bank.ID{c.paid}
	}
	return keys
}

// Decide implements bank.Command. A payment that comes again is answered as it was the first time.
func (c *arrive) Decide(book *bank.Book, now time.Time) bank.Outcome {
	if first := book.Entry(c.id); first != nil {
		if !first.IsRefusal() && (first.Amount != c.message.AmountMinor || first.AccountID != c.account) {
			return bank.Outcome{Err: errContradiction}
		}
		return bank.Outcome{Entry: first, Repeat: true, Err: c.answer(book, first)}
	}
	refusal := c.refusal
	code, isOurs := book.PixCode(c.paid)
	if isOurs && refusal == "" {
		refusal = codeRefusal(&code, c.message.AmountMinor, now)
	}
	if refusal != "" {
		return c.refuse(book, refusal, now)
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, effect := c.entry(), bank.Effect{Balance: c.message.AmountMinor}
	if reason := account.CreditDecline(); reason != 0 {
		entry, effect = entry.Declined(reason), bank.Effect{}
	} else if _, err := account.After(effect); err != nil {
		return bank.Outcome{Err: errContradiction.Wrap(err)}
	}
	entry.OccurredAt = moment(&account, now)
	if err := c.answer(book, &entry); err != nil {
		return bank.Outcome{Err: err}
	}
	posted, err := book.Post(entry, effect, now)
	if err == nil && isOurs && code.Once && posted.Status == bank.Approved {
		book.PayPixCode(bank.PixCodePayment{Code: c.paid, EndToEndID: c.message.EndToEndID, At: posted.OccurredAt})
	}
	return bank.Outcome{Entry: posted, Err: err}
}

// refuse says for good that the payment is not credited.
func (c *arrive) refuse(book *bank.Book, reason string, now time.Time) bank.Outcome {
	entry := tombstone(c.id, request(&c.message), c.message.EndToEndID, reason)
	entry.OccurredAt = now
	if err := c.answer(book, &entry); err != nil {
		return bank.Outcome{Err: err}
	}
	return bank.Outcome{Entry: book.Refuse(entry, now)}
}

// answer sends what an entry says about the payment.
func (c *arrive) answer(book *bank.Book, entry *bank.Entry) error {
	switch entry.Status {
	case bank.Approved:
		return send(book, answer(&c.message, command.PixConfirmed, "", entry.OccurredAt))
	case bank.Declined:
		return send(book, answer(&c.message, command.PixRejected, entry.Decline.String(), entry.OccurredAt))
	}
	return send(book, answer(&c.message, command.PixRejected, entry.Description, entry.OccurredAt))
}

func (c *arrive) entry() bank.Entry {
	m := &c.message
	return bank.Entry{
		TransactionID: c.id, Request: request(m), AccountID: c.account, AccountKind: c.facts.Kind,
		Kind: bank.KindPixIn, Direction: bank.Credit, Status: bank.Approved, Amount: m.AmountMinor, Currency: c.facts.Currency,
		DebitAccount: c.code.PixTransitAccount(m.Currency), CreditAccount: c.account,
		Description: readable(m.Description), MerchantReference: reference(m),
		CounterpartyName: readable(m.SenderName), CounterpartyAccountID: c.sender,
		CounterpartyBankCode: bank.Code(m.SenderBankCode), EndToEndID: m.EndToEndID,
	}
}

// tombstone returns the entry that says for good that a payment is not credited here, and why.
func tombstone(id bank.ID, request bank.Request, endToEndID, reason string) bank.Entry {
	entry := bank.Tombstone(id, request)
	entry.EndToEndID, entry.Description = endToEndID, reason
	return entry
}
