package pix

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/schemas/command"
)

// cameBack returns the command for a return of a payment that this bank has sent.
func (s *Service) cameBack(ctx context.Context, m *command.PixMessage) (bank.Command, error) {
	original, ok := ParseEndToEnd(m.OriginalEndToEndID)
	hold, own := original.OwnTransaction(s.Code)
	if !ok || !own || original.Return {
		return nil, errUnknown
	}
	out := s.Code.PixOutID(hold)
	account, err := s.accountOf(ctx, out)
	if err != nil {
		return nil, err
	}
	return &comeBack{onReturn{code: s.Code, about: out, account: account, message: *m}}, nil
}

// onReturn is what the commands about a return have in common: the money comes to an account of this bank under the id of
// the return.
type onReturn struct {
	code bank.Code
	// about is the transaction of this bank that the return gives back, or that has given something back.
	about, account bank.ID
	message        command.PixMessage
}

// Key implements bank.Command. It is the transaction of the money that comes.
func (r *onReturn) Key() bank.ID { return r.code.PixInID(r.message.EndToEndID) }

// Keys implements bank.Command.
func (r *onReturn) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{r.account}, Transactions: []bank.ID{r.Key()}, Originals: []bank.ID{r.about}}
}

// comeBack is the command that credits what was sent and comes back, also to a closed account. Nobody here may reject
// it, so a message that cannot be a return of the payment is a dead letter.
type comeBack struct{ onReturn }

// Decide implements bank.Command.
func (c *comeBack) Decide(book *bank.Book, now time.Time) bank.Outcome {
	out, m := book.Entry(c.about), &c.message
	if first := book.Entry(c.Key()); first != nil {
		if first.Amount != m.AmountMinor || first.AccountID != c.account {
			return bank.Outcome{Err: errContradiction}
		}
		return bank.Outcome{Entry: first, Repeat: true, Err: send(book, answer(m, command.PixConfirmed, "", first.OccurredAt))}
	}
	switch {
	case out == nil || out.Kind != bank.KindPixOut:
		return bank.Outcome{Err: errUnknown}
	case string(out.CounterpartyBankCode) != m.SenderBankCode || out.Currency.String() != m.Currency,
		m.AmountMinor > out.Amount-book.Sum(c.about, bank.GivenBack):
		return bank.Outcome{Err: errContradiction}
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	effect := bank.Effect{Balance: m.AmountMinor}
	if _, err := account.After(effect); err != nil {
		return bank.Outcome{Err: errContradiction.Wrap(err)}
	}
	if err := send(book, answer(m, command.PixConfirmed, "", moment(&account, now))); err != nil {
		return bank.Outcome{Err: err}
	}
	posted, err := book.Post(c.entry(out), effect, now)
	return bank.Outcome{Entry: posted, Original: out, Err: err}
}

func (c *comeBack) entry(out *bank.Entry) bank.Entry {
	return bank.Entry{
		TransactionID: c.Key(), Request: request(&c.message), AccountID: c.account, AccountKind: out.AccountKind,
		Kind: bank.KindPixReturn, Direction: bank.Credit, Status: bank.Approved, Amount: c.message.AmountMinor, Currency: out.Currency,
		DebitAccount: out.CreditAccount, CreditAccount: c.account,
		Description: readable(c.message.Description), OriginalID: out.TransactionID, HoldID: out.HoldID,
		CounterpartyName: out.CounterpartyName, CounterpartyAccountID: out.CounterpartyAccountID,
		CounterpartyBankCode: out.CounterpartyBankCode, EndToEndID: c.message.EndToEndID,
	}
}
