package wallet

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// CashRequest asks for cash to be paid in or out.
type CashRequest struct {
	Call
	Account     string // accounts/{uuid}
	AmountMinor int64
	Currency    string
	Description string
}

// Deposit pays cash in, on a wallet or on a card's account. It is idempotent by caller and request id. A
// decline is a transaction, not an error.
//
// Errors: fault.InvalidArgument with the name of the field; fault.PermissionDenied CASH_NOT_ALLOWED;
// fault.NotFound when there is no such account for the principal; fault.Aborted REQUEST_ID_REUSED; those
// of ledger.Executor.Submit.
func (s *Service) Deposit(ctx context.Context, request CashRequest) (bank.TransactionDetails, error) {
	command, err := s.cash(ctx, &request, "deposit")
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	entry := &command.entry
	entry.Kind, entry.Direction = bank.KindDeposit, bank.Credit
	entry.DebitAccount, entry.CreditAccount = s.Code.CashAccount(request.Currency), entry.AccountID
	return s.submit(ctx, command)
}

// Withdraw pays cash out of a wallet. Idempotency and errors are those of Deposit;
// fault.FailedPrecondition NOT_A_WALLET for the account of a card.
func (s *Service) Withdraw(ctx context.Context, request CashRequest) (bank.TransactionDetails, error) {
	command, err := s.cash(ctx, &request, "withdrawal")
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	if err := requireWallet("account", &command.facts); err != nil {
		return bank.TransactionDetails{}, err
	}
	entry := &command.entry
	entry.Kind, entry.Direction = bank.KindWithdrawal, bank.Debit
	entry.DebitAccount, entry.CreditAccount = entry.AccountID, s.Code.CashAccount(request.Currency)
	return s.submit(ctx, command)
}

// cash returns the command of a request, whose entry has neither kind nor movement yet.
func (s *Service) cash(ctx context.Context, request *CashRequest, form string) (*payment, error) {
	id, err := field.ID("account", "accounts/", request.Account)
	amount, err := checkAmount(request.AmountMinor, request.Currency,
		field.Word("request_id", request.RequestID), err, field.OptionalText("description", request.Description, field.MaxDescription))
	if err == nil {
		err = request.Subject.CheckCash(s.SimulatedCash)
	}
	if err != nil {
		return nil, err
	}
	command, err := s.payment(ctx, &request.Call, id, amount)
	if err != nil {
		return nil, err
	}
	command.entry.Description = request.Description
	command.entry.Request = s.request(&request.Call, amountForm(bank.NewCanonical(form).Text(id.String()), amount).
		Text(request.Description).Moment(request.At))
	return command, nil
}

// PurchaseRequest asks for a merchant to be paid from the balance of a wallet.
type PurchaseRequest struct {
	Call
	Account           string // accounts/{uuid}
	AmountMinor       int64
	Currency          string
	Merchant          bank.Merchant
	MerchantReference string // the merchant's own name for the payment, or empty
	Description       string
}

// Purchase pays a merchant from the balance of a wallet. Idempotency and errors are those of Deposit, and
// anybody who may move the account may pay; fault.FailedPrecondition NOT_A_WALLET for the account of a
// card.
func (s *Service) Purchase(ctx context.Context, request PurchaseRequest) (bank.TransactionDetails, error) {
	id, err := field.ID("account", "accounts/", request.Account)
	amount, err := checkAmount(request.AmountMinor, request.Currency,
		field.Word("request_id", request.RequestID), err, request.Merchant.Check("merchant"),
		field.OptionalWord("merchant_reference", request.MerchantReference),
		field.OptionalText("description", request.Description, field.MaxDescription))
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	command, err := s.payment(ctx, &request.Call, id, amount)
	if err == nil {
		err = requireWallet("account", &command.facts)
	}
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	entry, merchant := &command.entry, &request.Merchant
	entry.Kind, entry.Direction = bank.KindPurchase, bank.Debit
	entry.DebitAccount, entry.CreditAccount = id, s.Code.SettlementAccount(merchant.ID, request.Currency)
	entry.Merchant, entry.MerchantReference, entry.Description = *merchant, request.MerchantReference, request.Description
	entry.Channel = bank.ChannelAPI
	entry.Request = s.request(&request.Call, amountForm(bank.NewCanonical("wallet-purchase").Text(id.String()), amount).
		Merchant(merchant).Text(request.MerchantReference).Text(request.Description).Moment(request.At))
	return s.submit(ctx, command)
}

// payment is the command of a transaction that moves money on one customer account.
type payment struct {
	facts bank.AccountFacts
	// entry is what the ledger gets when the payment is approved.
	entry bank.Entry
	at    time.Time // of a loaded history; zero means now
}

// payment returns a command on an account that the principal may move, without kind and movement.
func (s *Service) payment(ctx context.Context, call *Call, account bank.ID, amount money.Amount) (*payment, error) {
	if err := s.History.Check(call.At); err != nil {
		return nil, err
	}
	facts, err := s.ownAccount(ctx, &call.Subject, "account", account)
	if err == nil {
		err = requireCurrency(&facts, amount.Currency)
	}
	if err != nil {
		return nil, err
	}
	return &payment{facts: facts, at: call.At, entry: bank.Entry{
		TransactionID: s.transaction(call), AccountID: account, Status: bank.Approved, Amount: amount.Minor, Currency: amount.Currency,
	}}, nil
}

// Key implements bank.Command.
func (p *payment) Key() bank.ID { return p.entry.TransactionID }

// SameAs implements ledger.Joinable.
func (p *payment) SameAs(other bank.Command) bool {
	q, ok := other.(*payment)
	return ok && p.Key() == q.Key() && p.entry.Request.Fingerprint == q.entry.Request.Fingerprint
}

// Keys implements bank.Command.
func (p *payment) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{p.entry.AccountID}, Transactions: []bank.ID{p.Key()}}
}

// Decide implements bank.Command.
func (p *payment) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(p.at, now)
	if outcome, ok := book.Decided(p.Key(), &p.entry.Request); ok {
		return outcome
	}
	account, ok := book.Account(p.entry.AccountID)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, effect, reason := p.entry, bank.Effect{Balance: p.entry.Amount}, account.CreditDecline()
	if entry.Direction == bank.Debit {
		effect, reason = bank.Effect{Balance: -p.entry.Amount}, account.DebitDecline(p.entry.Amount)
	}
	if reason != 0 {
		entry, effect = entry.Declined(reason), bank.Effect{}
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Err: err}
}
