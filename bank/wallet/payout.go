package wallet

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
)

// PayOutRequest asks for what a merchant's sales have brought in to be paid to an account of his.
type PayOutRequest struct {
	Call
	Account           string // accounts/{uuid}
	AmountMinor       int64
	Currency          string
	Merchant          bank.Merchant
	MerchantReference string // the merchant's own name for the payout, or empty
	Description       string
}

var (
	// errNotAcquirer refuses a payout that neither an acquirer nor the bank asks for.
	errNotAcquirer = fault.New(fault.PermissionDenied, "NOT_ALLOWED", "Only a service or an operator of the bank may ask for this.")
	errPaidToCard  = fault.New(fault.FailedPrecondition, "NOT_A_WALLET", "A payout goes to a wallet, not to a card's account.").In("account")
)

// PayOut pays from a merchant's settlement account to a wallet: a deposit whose other end is not the cash account.
// The settlement account has no balance in the ledger, so whoever asks must know how much the merchant has.
// Idempotency and errors are those of Deposit; fault.FailedPrecondition NOT_A_WALLET for the account of a card;
// fault.PermissionDenied NOT_ALLOWED for who is neither a service nor an operator. It is always of the present.
func (s *Service) PayOut(ctx context.Context, request PayOutRequest) (bank.TransactionDetails, error) {
	id, err := field.ID("account", "accounts/", request.Account)
	amount, err := checkAmount(request.AmountMinor, request.Currency,
		field.Word("request_id", request.RequestID), err, request.Merchant.Check("merchant"),
		field.OptionalWord("merchant_reference", request.MerchantReference),
		field.OptionalText("description", request.Description, field.MaxDescription))
	if kind := request.Subject.Kind; err == nil && kind != principal.Service && kind != principal.Operator {
		err = errNotAcquirer
	}
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	command, err := s.payment(ctx, &request.Call, id, amount)
	if err == nil && command.facts.Kind != bank.AccountWallet {
		err = errPaidToCard
	}
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	entry, merchant := &command.entry, &request.Merchant
	entry.Kind, entry.Direction = bank.KindDeposit, bank.Credit
	entry.DebitAccount, entry.CreditAccount = s.Code.SettlementAccount(merchant.ID, request.Currency), id
	entry.Merchant, entry.MerchantReference, entry.Description = *merchant, request.MerchantReference, request.Description
	entry.Request = s.request(&request.Call, amountForm(bank.NewCanonical("payout").Text(id.String()), amount).
		Merchant(merchant).Text(request.MerchantReference).Text(request.Description))
	return s.submit(ctx, command)
}
