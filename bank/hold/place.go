package hold

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/money"
)

// place is the command that places a hold on a wallet account.
type place struct {
	id      bank.ID
	request bank.Request
	subject bank.Subject

	account           bank.ID
	amount            money.Amount
	merchant          bank.Merchant
	merchantReference string
	description       string
	expiresAt         time.Time // zero means after bank.HoldLife
	at                time.Time // of a loaded history; zero means now
	// refusal refuses what a text holds, when the request is not a repeat.
	refusal error
}

// Key implements bank.Command.
func (p *place) Key() bank.ID { return p.id }

// SameAs implements ledger.Joinable.
func (p *place) SameAs(other bank.Command) bool {
	q, ok := other.(*place)
	return ok && p.id == q.id && p.request.Fingerprint == q.request.Fingerprint && p.subject.Same(&q.subject) &&
		(p.refusal == nil) == (q.refusal == nil)
}

// Keys implements bank.Command.
func (p *place) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{p.account}, Transactions: []bank.ID{p.id}}
}

// Decide implements bank.Command.
func (p *place) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(p.at, now)
	if outcome, ok := book.Decided(p.id, &p.request); ok {
		if outcome.Err == nil && !p.subject.MaySee(outcome.Entry.CustomerID) && !outcome.Entry.IsRefusal() {
			return bank.Outcome{Err: bank.ErrNoAccount}
		}
		return outcome
	}
	if p.refusal != nil {
		return bank.Outcome{Err: p.refusal}
	}
	expiresAt, err := bank.HoldExpiry("expire_time", p.expiresAt, now)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	account, ok := book.Account(p.account)
	switch {
	case !ok || !p.subject.Owns(&account):
		return bank.Outcome{Err: bank.ErrNoAccount}
	case account.Kind != bank.AccountWallet:
		return bank.Outcome{Err: bank.ErrNotWallet}
	case account.Currency != p.amount.Currency:
		return bank.Outcome{Err: fault.Invalid("currency", "The currency must be that of the account.")}
	}
	entry, effect := p.entry(), bank.Effect{Held: p.amount.Minor}
	entry.HoldExpiresAt = expiresAt
	entry.Status = bank.Approved
	if reason := account.DebitDecline(p.amount.Minor); reason != 0 {
		entry, effect = entry.Declined(reason), bank.Effect{}
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Err: err}
}

func (p *place) entry() bank.Entry {
	return bank.Entry{
		TransactionID:     p.id,
		Request:           p.request,
		AccountID:         p.account,
		AccountKind:       bank.AccountWallet,
		Kind:              bank.KindHold,
		Direction:         bank.Debit,
		Amount:            p.amount.Minor,
		Currency:          p.amount.Currency,
		Merchant:          p.merchant,
		Channel:           bank.ChannelAPI,
		Description:       p.description,
		HoldID:            p.id,
		MerchantReference: p.merchantReference,
	}
}
