package wallet

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// TransferRequest asks for money to be moved from a wallet to another account of this bank.
type TransferRequest struct {
	Call
	Source      string // accounts/{uuid}: a wallet
	Destination string // accounts/{uuid}
	AmountMinor int64
	Currency    string
	Message     string // both customers read it
}

// Transfer moves money from a wallet to another account, which may be anybody's, in one commit. On a card's
// account it pays what is owed. It is idempotent by caller and request id. A decline is a transaction, not
// an error: one entry on the source.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound ACCOUNT_NOT_FOUND with the name
// of the field, when there is no such source for the principal or no such destination;
// fault.FailedPrecondition NOT_A_WALLET; fault.Aborted REQUEST_ID_REUSED; those of
// ledger.Executor.Submit.
func (s *Service) Transfer(ctx context.Context, request TransferRequest) (bank.TransactionDetails, error) {
	command, err := s.newTransfer(ctx, &request)
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	return s.submit(ctx, command)
}

// newTransfer checks a request and returns its command.
func (s *Service) newTransfer(ctx context.Context, request *TransferRequest) (*transfer, error) {
	source, errSource := field.ID("source", "accounts/", request.Source)
	destination, errDestination := field.ID("destination", "accounts/", request.Destination)
	if errSource == nil && source == destination {
		errDestination = fault.Invalid("destination", "The destination must be another account than the source.")
	}
	amount, err := checkAmount(request.AmountMinor, request.Currency,
		field.Word("request_id", request.RequestID), errSource, errDestination,
		field.OptionalText("message", request.Message, field.MaxDescription), s.History.Check(request.At))
	if err != nil {
		return nil, err
	}
	if err := s.checkEnds(ctx, &request.Subject, [2]bank.ID{source, destination}, amount.Currency); err != nil {
		return nil, err
	}
	form := amountForm(bank.NewCanonical("transfer").Text(source.String()).Text(destination.String()), amount).Text(request.Message).
		Moment(request.At)
	return &transfer{at: request.At, entry: bank.Entry{
		TransactionID: s.transaction(&request.Call), Request: s.request(&request.Call, form),
		AccountID: source, Kind: bank.KindTransfer, Direction: bank.Debit, Status: bank.Approved,
		Amount: amount.Minor, Currency: amount.Currency, DebitAccount: source, CreditAccount: destination,
		CounterpartyAccountID: destination, Description: request.Message,
	}}, nil
}

// checkEnds checks source and destination of a transfer.
func (s *Service) checkEnds(ctx context.Context, subject *bank.Subject, ends [2]bank.ID, currency money.Currency) error {
	source, err := s.ownAccount(ctx, subject, "source", ends[0])
	if err != nil {
		return err
	}
	destination, err := s.account(ctx, "destination", ends[1])
	if err != nil {
		return err
	}
	return field.First(requireWallet("source", &source), requireCurrency(&source, currency), requireDestinationCurrency(&destination, currency))
}

// transfer is the command of a transfer.
type transfer struct {
	// entry is leg 0 when the transfer is approved.
	entry bank.Entry
	at    time.Time // of a loaded history; zero means now
}

// Key implements bank.Command.
func (t *transfer) Key() bank.ID { return t.entry.TransactionID }

// SameAs implements ledger.Joinable.
func (t *transfer) SameAs(other bank.Command) bool {
	u, ok := other.(*transfer)
	return ok && t.Key() == u.Key() && t.entry.Request.Fingerprint == u.entry.Request.Fingerprint
}

// Keys implements bank.Command.
func (t *transfer) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{t.entry.AccountID, t.entry.CounterpartyAccountID}, Transactions: []bank.ID{t.Key()}}
}

// Decide implements bank.Command.
func (t *transfer) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(t.at, now)
	if outcome, ok := book.Decided(t.Key(), &t.entry.Request); ok {
		return outcome
	}
	source, ok := book.Account(t.entry.AccountID)
	if !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	out := bank.Posting{Entry: t.entry, Effect: bank.Effect{Balance: -t.entry.Amount}}
	reason := source.DebitDecline(t.entry.Amount)
	if reason == 0 {
		destination, ok := book.Account(t.entry.CounterpartyAccountID)
		if !ok {
			return bank.Outcome{Err: bank.ErrStale}
		}
		reason = destination.CreditDecline()
	}
	if reason != 0 {
		posted, err := book.Post(t.entry.Declined(reason), bank.Effect{}, now)
		return bank.Outcome{Entry: posted, Err: err}
	}
	in := bank.Posting{Entry: t.entry, Effect: bank.Effect{Balance: t.entry.Amount}}
	in.Entry.AccountID, in.Entry.CounterpartyAccountID, in.Entry.Direction = t.entry.CounterpartyAccountID, t.entry.AccountID, bank.Credit
	first, second, err := book.PostBoth(out, in, now)
	return bank.Outcome{Entry: first, Second: second, Err: err}
}
