package pix

import (
	"context"
	"errors"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/brcode"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/schemas/command"
)

// SendRequest asks for a payment to a key.
type SendRequest struct {
	Call
	Account string // accounts/{uuid}: a wallet
	Key     string
	// Code is a BR Code instead of a key. An amount that it names may be left out.
	Code        string
	AmountMinor int64
	Currency    string
	Description string // both customers read it

	// reference is the receiver's own name for a payment that he has requested by a code.
	reference string
}

var (
	errAddress    = fault.Invalid("code", "This bank cannot ask the receiver's bank for the rest of this code. Ask for one with a key.")
	errCodeAmount = fault.Invalid("amount_minor", "The amount must be the one that the code names.")
)

// takeCode takes the key, the reference and the amount out of the code, if there is one.
func (r *SendRequest) takeCode() error {
	if r.Code == "" {
		return nil
	}
	code, err := brcode.Parse(r.Code)
	switch {
	case err != nil:
		return fault.Of(err).In("code")
	case code.URL != "":
		return errAddress
	case code.AmountMinor != 0 && r.AmountMinor != 0 && code.AmountMinor != r.AmountMinor:
		return errCodeAmount
	}
	r.Key, r.reference = code.Key, code.TxID
	r.AmountMinor = max(r.AmountMinor, code.AmountMinor)
	return nil
}

// Send sets an amount of a wallet aside, and tells the hub. What becomes of the payment is decided by the bank of the
// key. It is idempotent by caller and request id: a repeat is answered also while the hub is away. A decline is a
// payment, not an error; it is told to nobody.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound ACCOUNT_NOT_FOUND, KEY_NOT_FOUND;
// fault.FailedPrecondition NOT_A_WALLET, KEY_OF_THIS_BANK; fault.Aborted REQUEST_ID_REUSED; fault.ResourceExhausted;
// those of ledger.Executor.Submit.
func (s *Service) Send(ctx context.Context, r SendRequest) (Payment, error) {
	if err := r.takeCode(); err != nil {
		return Payment{}, err
	}
	account, noAccount := field.ID("account", "accounts/", r.Account)
	currency, noCurrency := field.KnownCurrency("currency", r.Currency)
	err := field.First(field.Word("request_id", r.RequestID), noAccount, checkKey("key", r.Key),
		field.Amount("amount_minor", r.AmountMinor), noCurrency,
		field.OptionalText("description", r.Description, field.MaxDescription), field.OptionalWord("code", r.reference))
	if err != nil {
		return Payment{}, err
	}
	form := bank.NewCanonical("pix").Text(account.String()).Text(r.Key).Number(r.AmountMinor).Text(r.Currency).
		Text(r.Description).Text(r.reference)
	c := &initiate{
		code: s.Code, id: s.Code.TransactionID(r.Caller, r.RequestID), request: s.request(&r.Call, form), subject: r.Subject,
		account: account, amount: money.Amount{Minor: r.AmountMinor, Currency: currency},
	}
	_, err = s.Directory.AccountOf(ctx, c.id)
	if errors.Is(err, bank.ErrNotFound) {
		err = s.prepare(ctx, c, &r)
	}
	if err != nil {
		return Payment{}, err
	}
	outcome, err := s.Ledger.Submit(ctx, c)
	if err != nil {
		return Payment{}, err
	}
	return s.sent(ctx, outcome.Entry, outcome.Repeat)
}

// LookUp returns whose a key is, with the name masked, for the owner of an account who would pay from it.
func (s *Service) LookUp(ctx context.Context, subject bank.Subject, payer, key string) (Destination, error) {
	account, noAccount := field.ID("account", "accounts/", payer)
	if err := field.First(noAccount, checkKey("key", key)); err != nil {
		return Destination{}, err
	}
	facts, err := s.Directory.AccountByID(ctx, account)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !subject.MaySee(facts.CustomerID):
		return Destination{}, bank.ErrNoAccount.In("account")
	case err != nil:
		return Destination{}, err
	}
	return s.Keys.LookUp(ctx, account, key)
}

// maxKey is the longest key: an e-mail address. maxPhone is the longest telephone number with its plus sign.
const maxKey, maxPhone = 77, 16

// checkKey refuses what cannot be a key. Which kind it is of, and whether it is one, the hub knows. The digits of a
// telephone number, and those of a random key, may read as a card number, so only their form is checked.
func checkKey(name, key string) error {
	if digits, ok := strings.CutPrefix(key, "+"); ok && len(key) <= maxPhone && strings.Trim(digits, "0123456789") == "" {
		return nil
	}
	if _, err := id.Parse(strings.ToLower(key)); err == nil {
		return nil
	}
	return field.Text(name, key, maxKey)
}

// prepare looks up everything that a new payment needs.
func (s *Service) prepare(ctx context.Context, c *initiate, r *SendRequest) error {
	facts, err := s.Directory.AccountByID(ctx, c.account)
	switch {
	case errors.Is(err, bank.ErrNotFound), err == nil && !c.subject.MaySee(facts.CustomerID):
		return bank.ErrNoAccount.In("account")
	case err != nil:
		return err
	case facts.Kind != bank.AccountWallet:
		return bank.ErrNotWallet.In("account")
	case facts.Currency != c.amount.Currency:
		return errCurrency
	}
	to, err := s.Keys.LookUp(ctx, c.account, r.Key)
	switch {
	case err != nil:
		return err
	case to.BankCode == s.Code && to.Account == c.account:
		return errOwn
	case to.BankCode == s.Code:
		return errSameBank
	}
	name, err := s.Holders.HolderName(ctx, facts.CustomerID)
	if err != nil {
		return err
	}
	c.message = command.PixMessage{
		EndToEndID: EndToEnd{Bank: s.Code, Transaction: c.id}.String(), Step: command.PixInitiated, Kind: command.PixPaymentKind,
		SenderBankCode: string(s.Code), ReceiverBankCode: string(to.BankCode), AmountMinor: c.amount.Minor, Currency: c.amount.Currency.String(),
		SenderAccountID: c.account.String(), SenderName: MaskName(name), ReceiverAccountID: to.Account.String(), ReceiverName: to.HolderName,
		KeyKind: to.KeyKind, Reference: r.reference, Description: r.Description, TraceID: r.TraceID,
	}
	c.receiver, c.prepared = to.Account, true
	return nil
}

// initiate is the command that sets the amount of a payment aside.
type initiate struct {
	code    bank.Code
	id      bank.ID
	request bank.Request
	subject bank.Subject
	account bank.ID
	amount  money.Amount

	// prepared says that the rest is set. A repeat needs none of it.
	prepared bool
	receiver bank.ID
	message  command.PixMessage
}

// Key implements bank.Command.
func (c *initiate) Key() bank.ID { return c.id }

// SameAs implements ledger.Joinable.
func (c *initiate) SameAs(other bank.Command) bool {
	d, ok := other.(*initiate)
	return ok && c.id == d.id && c.request.Fingerprint == d.request.Fingerprint && c.subject.Same(&d.subject)
}

// Keys implements bank.Command.
func (c *initiate) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{c.account}, Transactions: []bank.ID{c.id}}
}

// Decide implements bank.Command.
func (c *initiate) Decide(book *bank.Book, now time.Time) bank.Outcome {
	first, err := book.Repeat(c.id, &c.request)
	switch {
	case err != nil:
		return bank.Outcome{Err: err}
	case first != nil && !c.subject.MaySee(first.CustomerID):
		return bank.Outcome{Err: bank.ErrNoAccount.In("account")}
	case first != nil:
		return bank.Outcome{Entry: first, Repeat: true}
	case !c.prepared:
		return bank.Outcome{Err: bank.ErrStale}
	}
	account, ok := book.Account(c.account)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry := c.entry()
	if reason := account.DebitDecline(c.amount.Minor); reason != 0 {
		posted, err := book.Post(entry.Declined(reason), bank.Effect{}, now)
		return bank.Outcome{Entry: posted, Err: err}
	}
	if _, err := account.After(bank.Effect{Held: c.amount.Minor}); err != nil {
		return bank.Outcome{Err: fault.Invalid("amount_minor", "The amount does not fit the account.").Wrap(err)}
	}
	at := moment(&account, now)
	c.message.InitiatedAtMillis, c.message.DecidedAtMillis = at.UnixMilli(), at.UnixMilli()
	if err := send(book, c.message); err != nil {
		return bank.Outcome{Err: err}
	}
	posted, err := book.Post(entry, bank.Effect{Held: c.amount.Minor}, now)
	return bank.Outcome{Entry: posted, Err: err}
}

// entry returns the approved hold.
func (c *initiate) entry() bank.Entry {
	return bank.Entry{
		TransactionID: c.id, Request: c.request, AccountID: c.account, AccountKind: bank.AccountWallet,
		Kind: bank.KindHold, Direction: bank.Debit, Status: bank.Approved, Amount: c.amount.Minor, Currency: c.amount.Currency,
		Channel: bank.ChannelAPI, Description: c.message.Description, HoldID: c.id, MerchantReference: c.message.Reference,
		CounterpartyName: c.message.ReceiverName, CounterpartyAccountID: c.receiver,
		CounterpartyBankCode: bank.Code(c.message.ReceiverBankCode), EndToEndID: c.message.EndToEndID,
	}
}
