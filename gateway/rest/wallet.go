package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"codebank.dev/gateway"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// The operations of POST /wallet/transaction.
const (
	deposit      = "deposit"
	withdraw     = "withdraw"
	purchase     = "purchase"
	reversal     = "reversal"
	cancellation = "cancellation"
)

// Merchant is whom a purchase of POST /wallet/transaction pays. The wallet is its program, as a shop's is, so
// the payer may have such a purchase given back.
const Merchant = "digital-wallet"

func merchant() *bankv1.Merchant {
	// 6540 is the purchase of a stored value, as ISO 18245 names it.
	return &bankv1.Merchant{Id: Merchant, Name: "Digital Wallet", CategoryCode: "6540", City: "Brasilia", Country: "BR"}
}

var (
	errOperation = fault.Invalid("operation", "An operation is deposit, withdraw, purchase, reversal or cancellation.")
	errNoAmount  = fault.Invalid("amount", "This operation takes no amount: it ends the transaction as a whole.")
	errNoName    = fault.Invalid("transactionId", "This operation takes no transactionId.")
	errMoved     = fault.New(fault.FailedPrecondition, "NOT_PENDING", "The transaction is completed. A reversal gives back what it moved.")
	errVoided    = fault.New(fault.FailedPrecondition, "REQUEST_CANCELLED", "This Idempotency-Key was cancelled before its transaction was decided.")
	// errMerchant refuses a user who would take back what he has paid somebody.
	errMerchant = fault.New(fault.PermissionDenied, "MERCHANT_GIVES_BACK", "Only the merchant who was paid gives this purchase back.")
)

// transaction is a transaction as the wallet shows it. The amount is major units.
type transaction struct {
	ID          string      `json:"transactionId"`
	Operation   string      `json:"operation"`
	Status      string      `json:"status"`
	Amount      json.Number `json:"amount"`
	Currency    string      `json:"currency"`
	Original    string      `json:"originalTransactionId,omitempty"`
	Description string      `json:"description,omitempty"`
	Time        time.Time   `json:"time"`
}

// command is what POST /wallet/transaction asks for.
type command struct {
	body        serve.Object
	user        id.ID
	request     string
	original    string // transactions/{uuid}
	description string
	// before says that what is asked for was so before.
	before bool
}

// transact does one operation on the user's wallet.
func (s *Server) transact(w http.ResponseWriter, r *http.Request) error {
	user, request, err := RequestID(r)
	if err != nil {
		return err
	}
	body, err := serve.ReadObject(r, "operation", "amount", "transactionId", "description")
	if err != nil {
		return err
	}
	asked := &command{body: body, user: user, request: request.String()}
	var operation, original string
	if err := body.Texts(map[string]*string{"operation": &operation, "transactionId": &original, "description": &asked.description}); err != nil {
		return err
	}
	do, known := map[string]func(context.Context, *command) (*bankv1.Transaction, error){
		deposit: s.deposit, withdraw: s.withdraw, purchase: s.purchase, reversal: s.reverse, cancellation: s.cancel,
	}[operation]
	switch namesOriginal := operation == reversal || operation == cancellation; {
	case !known:
		return errOperation
	case namesOriginal:
		if asked.original, err = transactionName(original); err != nil {
			return err
		}
	case original != "":
		return errNoName
	}
	decided, err := do(r.Context(), asked)
	if err == nil {
		err = refusalOf(decided)
	}
	if err != nil {
		return renamed(err, map[string]string{"amount_minor": "amount", "name": "transactionId", "account": "", "currency": ""})
	}
	if asked.before {
		serve.SetReplayed(w, true)
	}
	return serve.WriteJSON(w, http.StatusCreated, transaction{
		ID: idOf(decided.GetName()), Operation: operation, Status: "completed",
		Amount: majorUnits(decided.GetAmountMinor(), decided.GetCurrency()), Currency: decided.GetCurrency(),
		Original: idOf(decided.GetOriginal()), Description: decided.GetDescription(), Time: timeOf(decided.GetDecideTime()),
	})
}

// transactionName returns the name of a transaction with an id.
func transactionName(text string) (string, error) {
	parsed, err := id.Parse(text)
	if err != nil || parsed.IsZero() {
		return "", fault.Invalid("transactionId", "A transactionId is a lower-case UUID.")
	}
	return "transactions/" + text, nil
}

// refusalOf returns why nothing moved, or nil.
func refusalOf(decided *bankv1.Transaction) error {
	switch decided.GetStatus() {
	case bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED:
		// A newer bank may have a reason that has no name here, but a number.
		reason := strings.TrimPrefix(decided.GetDecline().GetReason().String(), "DECLINE_REASON_")
		return fault.New(fault.FailedPrecondition, reason, decided.GetDecline().GetMessage())
	case bankv1.TransactionStatus_TRANSACTION_STATUS_VOIDED:
		return errVoided
	}
	return nil
}

// renamed returns an error with the name that its field has here.
func renamed(err error, names map[string]string) error {
	known := fault.Of(err)
	name, other := names[known.Field]
	if !other {
		return err
	}
	return known.In(name)
}

// newAmount returns the wallet and the amount of an operation that moves money on it.
func (s *Server) newAmount(ctx context.Context, asked *command) (account string, minor int64, err error) {
	if !asked.body.Has("amount") {
		return "", 0, fault.Invalid("amount", "This field is required.")
	}
	if minor, err = readAmount(asked.body, "amount", s.currency); err != nil {
		return "", 0, err
	}
	wallet, err := s.openWallet(ctx, asked.user)
	return wallet.GetName(), minor, err
}

func (s *Server) deposit(ctx context.Context, asked *command) (*bankv1.Transaction, error) {
	account, minor, err := s.newAmount(ctx, asked)
	if err != nil {
		return nil, err
	}
	answer, err := s.wallets.Deposit(ctx, &bankv1.DepositRequest{
		RequestId: asked.request, Account: account, AmountMinor: minor, Currency: s.currency.String(), Description: asked.description,
	})
	return answer.GetTransaction(), err
}

func (s *Server) withdraw(ctx context.Context, asked *command) (*bankv1.Transaction, error) {
	account, minor, err := s.newAmount(ctx, asked)
	if err != nil {
		return nil, err
	}
	answer, err := s.wallets.Withdraw(ctx, &bankv1.WithdrawRequest{
		RequestId: asked.request, Account: account, AmountMinor: minor, Currency: s.currency.String(), Description: asked.description,
	})
	return answer.GetTransaction(), err
}

func (s *Server) purchase(ctx context.Context, asked *command) (*bankv1.Transaction, error) {
	account, minor, err := s.newAmount(ctx, asked)
	if err != nil {
		return nil, err
	}
	answer, err := s.wallets.Purchase(ctx, &bankv1.PurchaseRequest{
		RequestId: asked.request, Account: account, AmountMinor: minor, Currency: s.currency.String(), Description: asked.description,
		Merchant: merchant(),
	})
	return answer.GetTransaction(), err
}

// reverse gives a transaction back, the whole of what is left or the amount.
func (s *Server) reverse(ctx context.Context, asked *command) (*bankv1.Transaction, error) {
	minor, err := readAmount(asked.body, "amount", s.currency)
	if err == nil {
		err = s.checkReversal(ctx, asked.original)
	}
	if err != nil {
		return nil, err
	}
	answer, err := s.wallets.Reverse(ctx, &bankv1.ReverseRequest{
		RequestId: asked.request, Name: asked.original, AmountMinor: minor, Description: asked.description,
	})
	return answer.GetTransaction(), err
}

// checkReversal refuses to give back a purchase that paid anybody but Merchant. To the bank the gateway is a
// program that may have given back what it asked for, as a shop may; but its users are the payers. The bank
// decides the rest: whose the transaction is, and whether it is of a kind that can be given back.
func (s *Server) checkReversal(ctx context.Context, name string) error {
	found, err := s.wallets.GetTransaction(ctx, &bankv1.GetTransactionRequest{Name: name})
	if err != nil {
		return err
	}
	switch original := found.GetTransaction(); original.GetKind() {
	case bankv1.TransactionKind_TRANSACTION_KIND_PURCHASE, bankv1.TransactionKind_TRANSACTION_KIND_CAPTURE:
		if original.GetMerchant().GetId() != Merchant {
			return errMerchant
		}
	}
	return nil
}

// cancel ends a transaction that is pending: it releases a hold. What has moved money is not cancelled.
func (s *Server) cancel(ctx context.Context, asked *command) (*bankv1.Transaction, error) {
	if asked.body.Has("amount") {
		return nil, errNoAmount
	}
	found, err := s.wallets.GetTransaction(ctx, &bankv1.GetTransactionRequest{Name: asked.original})
	if err != nil {
		return nil, err
	}
	if found.GetTransaction().GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_HOLD {
		return nil, errMoved
	}
	asked.before = found.GetTransaction().GetReleasedMinor() > 0
	answer, err := s.wallets.VoidHold(ctx, &bankv1.VoidHoldRequest{Name: asked.original})
	return answer.GetTransaction(), err
}

// balance answers the figures of the user's wallet, in major units. A user without one has nothing.
func (s *Server) balance(w http.ResponseWriter, r *http.Request) error {
	if _, err := User(r); err != nil {
		return err
	}
	wallet, _, err := s.findWallet(r.Context())
	if err != nil {
		return err
	}
	code := s.currency.String()
	return serve.WriteJSON(w, http.StatusOK, struct {
		Balance   json.Number `json:"balance"`
		Held      json.Number `json:"held"`
		Available json.Number `json:"available"`
		Currency  string      `json:"currency"`
		Account   string      `json:"accountId,omitempty"`
	}{
		majorUnits(wallet.GetBalanceMinor(), code), majorUnits(wallet.GetHeldMinor(), code), majorUnits(wallet.GetAvailableMinor(), code),
		code, idOf(wallet.GetName()),
	})
}

// findWallet returns the user's wallet: of those in the bank's currency that are open, the one that was opened
// first. It is nil if there is none. closed is how many of them were closed.
func (s *Server) findWallet(ctx context.Context) (wallet *bankv1.Account, closed int, err error) {
	accounts, err := s.accountsOf(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, account := range accounts {
		switch {
		case account.GetKind() != bankv1.AccountKind_ACCOUNT_KIND_WALLET || account.GetCurrency() != s.currency.String():
		case account.GetCloseTime() != nil:
			closed++
		case wallet == nil:
			wallet = account
		}
	}
	return wallet, closed, nil
}

// openWallet returns the user's wallet, and opens it if there is none. The request id follows from the user,
// the currency and how many were closed, so two first commands at once open one wallet.
func (s *Server) openWallet(ctx context.Context, user id.ID) (*bankv1.Account, error) {
	wallet, closed, err := s.findWallet(ctx)
	if err != nil || wallet != nil {
		return wallet, err
	}
	request := gateway.OpeningID(user, s.currency.String(), closed).String()
	opened, err := s.wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: request, Currency: s.currency.String()})
	return opened.GetAccount(), err
}
