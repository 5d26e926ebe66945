package pix

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/field"
	"codebank.dev/schemas/command"
)

// ReturnRequest asks for a payment that came in to be given back, or a part of it.
type ReturnRequest struct {
	Call
	Name string // pix/{end-to-end id}
	// AmountMinor is how much; 0 means all that is left.
	AmountMinor int64
	Description string // both customers read it
}

// Return debits what is given back at once, and tells the hub. It asks the limit of the account; a decline is a
// payment, not an error. All returns of a payment together are never more than it. It is idempotent by caller and
// request id.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound PIX_NOT_FOUND;
// fault.FailedPrecondition NOT_RETURNABLE, ALREADY_RETURNED, AMOUNT_ABOVE_LEFT; fault.Aborted REQUEST_ID_REUSED;
// those of ledger.Executor.Submit.
func (s *Service) Return(ctx context.Context, r ReturnRequest) (Payment, error) {
	endToEnd, err := textOf(r.Name)
	refusals := []error{field.Word("request_id", r.RequestID), err, field.OptionalText("description", r.Description, field.MaxDescription)}
	if r.AmountMinor != 0 {
		refusals = append(refusals, field.Amount("amount_minor", r.AmountMinor))
	}
	if err := field.First(refusals...); err != nil {
		return Payment{}, err
	}
	original, err := s.incoming(ctx, &r, endToEnd)
	if err != nil {
		return Payment{}, err
	}
	name, err := s.Holders.HolderName(ctx, original.CustomerID)
	if err != nil {
		return Payment{}, err
	}
	form := bank.NewCanonical("pix-return").Text(endToEnd).Number(r.AmountMinor).Text(r.Description)
	id := s.Code.TransactionID(r.Caller, r.RequestID)
	outcome, err := s.Ledger.Submit(ctx, &giveBack{
		code: s.Code, id: id, request: s.request(&r.Call, form), subject: r.Subject, original: original.TransactionID,
		account: original.AccountID, amount: r.AmountMinor, description: r.Description, holder: MaskName(name),
	})
	if err != nil {
		return Payment{}, err
	}
	return s.sentReturn(ctx, outcome.Entry, outcome.Repeat)
}

// incoming returns the credit of a payment that came in. A payment that the customer has sent himself is none. The
// ledger is read once: a payment that arrives meanwhile is not there yet, and is not refused for good.
func (s *Service) incoming(ctx context.Context, r *ReturnRequest, endToEnd string) (*bank.Entry, error) {
	found, err := s.Get(ctx, r.Call, r.Name)
	if err != nil {
		return nil, err
	}
	parsed, _ := ParseEndToEnd(endToEnd)
	if _, own := parsed.OwnTransaction(s.Code); own {
		return nil, errNotPixIn
	}
	return &found.Entry, nil
}

// giveBack is the command that debits what goes back to another bank.
type giveBack struct {
	code              bank.Code
	id                bank.ID
	request           bank.Request
	subject           bank.Subject
	original, account bank.ID
	amount            int64 // minor units; 0 means all that is left
	description       string
	holder            string // masked
}

// Key implements bank.Command.
func (c *giveBack) Key() bank.ID { return c.id }

// SameAs implements ledger.Joinable.
func (c *giveBack) SameAs(other bank.Command) bool {
	d, ok := other.(*giveBack)
	return ok && c.id == d.id && c.request.Fingerprint == d.request.Fingerprint && c.subject.Same(&d.subject)
}

// Keys implements bank.Command.
func (c *giveBack) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.account}, Transactions: []bank.ID{c.id}, Originals: []bank.ID{c.original}}
}

// Decide implements bank.Command.
func (c *giveBack) Decide(book *bank.Book, now time.Time) bank.Outcome {
	first, err := book.Repeat(c.id, &c.request)
	switch {
	case err != nil:
		return bank.Outcome{Err: err}
	case first != nil && !c.subject.MaySee(first.CustomerID):
		return bank.Outcome{Err: errNoPix}
	case first != nil:
		return bank.Outcome{Entry: first, Repeat: true}
	}
	original := book.Entry(c.original)
	if original == nil || original.Kind != bank.KindPixIn || original.Status != bank.Approved || original.EndToEndID[0] == 'D' {
		return bank.Outcome{Err: errNotPixIn}
	}
	amount, err := c.part(original.Amount - book.Sum(c.original, bank.GivenBack))
	if err != nil {
		return bank.Outcome{Err: err}
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry := c.entry(original, amount)
	if reason := account.DebitDecline(amount); reason != 0 {
		posted, err := book.Post(entry.Declined(reason), bank.Effect{}, now)
		return bank.Outcome{Entry: posted, Err: err}
	}
	if err := send(book, c.message(original, &entry, moment(&account, now))); err != nil {
		return bank.Outcome{Err: err}
	}
	posted, err := book.Post(entry, bank.Effect{Balance: -amount}, now)
	return bank.Outcome{Entry: posted, Original: original, Err: err}
}

func (c *giveBack) part(left int64) (int64, error) {
	switch {
	case left <= 0:
		return 0, errReturned
	case c.amount > left:
		return 0, errAboveLeft
	case c.amount == 0:
		return left, nil
	}
	return c.amount, nil
}

func (c *giveBack) entry(original *bank.Entry, amount int64) bank.Entry {
	return bank.Entry{
		TransactionID: c.id, Request: c.request, AccountID: c.account, AccountKind: original.AccountKind,
		Kind: bank.KindPixReturn, Direction: bank.Debit, Status: bank.Approved, Amount: amount, Currency: original.Currency,
		DebitAccount: c.account, CreditAccount: c.code.PixTransitAccount(original.Currency.String()),
		Channel: bank.ChannelAPI, Description: c.description, OriginalID: original.TransactionID,
		CounterpartyName: original.CounterpartyName, CounterpartyAccountID: original.CounterpartyAccountID,
		CounterpartyBankCode: original.CounterpartyBankCode,
		EndToEndID:           EndToEnd{Return: true, Bank: c.code, Transaction: c.id}.String(),
	}
}

func (c *giveBack) message(original, entry *bank.Entry, at time.Time) command.PixMessage {
	return command.PixMessage{
		EndToEndID: entry.EndToEndID, Step: command.PixInitiated, Kind: command.PixReturnKind, OriginalEndToEndID: original.EndToEndID,
		SenderBankCode: string(c.code), ReceiverBankCode: string(entry.CounterpartyBankCode),
		AmountMinor: entry.Amount, Currency: entry.Currency.String(),
		SenderAccountID: c.account.String(), SenderName: c.holder,
		ReceiverAccountID: entry.CounterpartyAccountID.String(), ReceiverName: entry.CounterpartyName,
		KeyKind: command.PixNoKey, Description: c.description,
		InitiatedAtMillis: at.UnixMilli(), DecidedAtMillis: at.UnixMilli(), TraceID: c.request.TraceID,
	}
}

// returned returns the command for a return of this bank that was confirmed, or that the hub has rejected.
func (s *Service) returned(ctx context.Context, m *command.PixMessage, own bank.ID) (bank.Command, error) {
	account, err := s.accountOf(ctx, own)
	if err != nil {
		return nil, err
	}
	return &endReturn{onReturn{code: s.Code, about: own, account: account, message: *m}}, nil
}

// endReturn is the command that ends a return. One that the hub has rejected was not given back to anybody, so the
// customer gets it again, also on a closed account.
type endReturn struct{ onReturn }

// Decide implements bank.Command.
func (c *endReturn) Decide(book *bank.Book, now time.Time) bank.Outcome {
	debit, again := book.Entry(c.about), book.Entry(c.Key())
	switch {
	case debit == nil || debit.Kind != bank.KindPixReturn || debit.EndToEndID != c.message.EndToEndID:
		return bank.Outcome{Err: errUnknown}
	case debit.Status != bank.Approved || debit.Amount != c.message.AmountMinor || c.message.Step == command.PixConfirmed && again != nil:
		return bank.Outcome{Err: errContradiction}
	case c.message.Step == command.PixConfirmed:
		if err := send(book, answer(&c.message, command.PixCompleted, "", debit.OccurredAt)); err != nil {
			return bank.Outcome{Err: err}
		}
		book.Answered(c.message.EndToEndID, command.PixInitiated)
		return bank.Outcome{Entry: debit, Repeat: true}
	case again != nil:
		book.Answered(c.message.EndToEndID, command.PixInitiated)
		return bank.Outcome{Entry: again, Repeat: true}
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	effect := bank.Effect{Balance: debit.Amount}
	if _, err := account.After(effect); err != nil {
		return bank.Outcome{Err: errContradiction.Wrap(err)}
	}
	entry := *debit
	entry.TransactionID, entry.Request, entry.OriginalID = c.Key(), request(&c.message), bank.ID{}
	entry.Kind, entry.Direction, entry.Channel = bank.KindPixIn, bank.Credit, 0
	entry.DebitAccount, entry.CreditAccount = debit.CreditAccount, debit.DebitAccount
	entry.Description = readable(c.message.Reason)
	posted, err := book.Post(entry, effect, now)
	if err == nil {
		book.Answered(c.message.EndToEndID, command.PixInitiated)
	}
	return bank.Outcome{Entry: posted, Original: debit, Err: err}
}
