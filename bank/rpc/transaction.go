package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// The enums of accounts and transactions. A test ensures that they are complete.
var (
	accountKinds = map[bank.AccountKind]bankv1.AccountKind{
		bank.AccountCard:   bankv1.AccountKind_ACCOUNT_KIND_CARD,
		bank.AccountWallet: bankv1.AccountKind_ACCOUNT_KIND_WALLET,
	}

	transactionKinds = map[bank.Kind]bankv1.TransactionKind{
		bank.KindPurchase:   bankv1.TransactionKind_TRANSACTION_KIND_PURCHASE,
		bank.KindReversal:   bankv1.TransactionKind_TRANSACTION_KIND_REVERSAL,
		bank.KindDeposit:    bankv1.TransactionKind_TRANSACTION_KIND_DEPOSIT,
		bank.KindWithdrawal: bankv1.TransactionKind_TRANSACTION_KIND_WITHDRAWAL,
		bank.KindTransfer:   bankv1.TransactionKind_TRANSACTION_KIND_TRANSFER,
		bank.KindHold:       bankv1.TransactionKind_TRANSACTION_KIND_HOLD,
		bank.KindCapture:    bankv1.TransactionKind_TRANSACTION_KIND_CAPTURE,
		bank.KindVoid:       bankv1.TransactionKind_TRANSACTION_KIND_VOID,
		bank.KindExpiry:     bankv1.TransactionKind_TRANSACTION_KIND_EXPIRY,
		bank.KindPixOut:     bankv1.TransactionKind_TRANSACTION_KIND_PIX_OUT,
		bank.KindPixIn:      bankv1.TransactionKind_TRANSACTION_KIND_PIX_IN,
		bank.KindPixReturn:  bankv1.TransactionKind_TRANSACTION_KIND_PIX_RETURN,
	}

	transactionStatuses = map[bank.Status]bankv1.TransactionStatus{
		bank.Approved: bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED,
		bank.Declined: bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED,
		bank.Voided:   bankv1.TransactionStatus_TRANSACTION_STATUS_VOIDED,
	}
)

// accountMessage returns an account as an answer shows it.
func accountMessage(account *bank.Account) *bankv1.Account {
	return &bankv1.Account{
		Name:             name(accountPrefix, account.ID),
		CustomerId:       account.CustomerID.String(),
		Currency:         account.Currency.String(),
		BalanceMinor:     account.Balance,
		HeldMinor:        account.Held,
		CreditLimitMinor: account.CreditLimit,
		AvailableMinor:   account.Available(),
		Sequence:         account.Sequence,
		LastEventTime:    timestamp(account.LastAt),
		Kind:             accountKinds[account.Kind],
		CloseTime:        timestamp(account.ClosedAt),
	}
}

// transactionMessage returns a transaction as an answer shows it. A request id that was cancelled before it
// was decided has no kind.
func transactionMessage(details *bank.TransactionDetails) *bankv1.Transaction {
	entry := &details.Entry
	source, destination := endsOf(entry)
	message := &bankv1.Transaction{
		Name:                 name(transactionPrefix, entry.TransactionID),
		RequestId:            entry.Request.ID,
		Status:               transactionStatuses[entry.Status],
		Decline:              declineMessage(entry.Decline),
		AmountMinor:          entry.Amount,
		Currency:             entry.Currency.String(),
		Source:               name(accountPrefix, source),
		Destination:          name(accountPrefix, destination),
		Merchant:             merchantMessage(&entry.Merchant),
		MerchantReference:    entry.MerchantReference,
		Description:          entry.Description,
		DecideTime:           timestamp(entry.OccurredAt),
		Original:             name(transactionPrefix, entry.OriginalID),
		ReversedMinor:        details.GivenBack,
		CapturedMinor:        details.Captured,
		ReleasedMinor:        details.Released,
		EndToEndId:           entry.EndToEndID,
		CounterpartyBankCode: string(entry.CounterpartyBankCode),
		CounterpartyName:     entry.CounterpartyName,
	}
	if entry.Status != bank.Voided {
		message.Kind = transactionKinds[entry.Kind]
	}
	if entry.Kind == bank.KindHold {
		message.ExpireTime = timestamp(entry.HoldExpiresAt)
	}
	return message
}

// decidedMessage returns a transaction as the answer of the call that asked for it shows it.
func decidedMessage(ctx context.Context, details *bank.TransactionDetails) *bankv1.Transaction {
	if details.Repeat {
		serve.Replayed(ctx)
	}
	return transactionMessage(details)
}

// endsOf returns the customer accounts that the amount of leg 0 leaves, or is held on, and goes to; zero
// for an internal account. A decline has the ends that the approval would have had.
func endsOf(entry *bank.Entry) (source, destination bank.ID) {
	if entry.Direction == bank.Credit {
		return entry.CounterpartyAccountID, entry.AccountID
	}
	return entry.AccountID, entry.CounterpartyAccountID
}

// declineMessage returns why a transaction was declined, or nil for none.
func declineMessage(reason bank.DeclineReason) *bankv1.Decline {
	if reason == 0 {
		return nil
	}
	return &bankv1.Decline{Code: reason.Code(), Reason: reasons[reason], Message: reason.Text()}
}

// merchantMessage returns a merchant, or nil for none.
func merchantMessage(merchant *bank.Merchant) *bankv1.Merchant {
	if merchant.ID == "" {
		return nil
	}
	return &bankv1.Merchant{
		Id: merchant.ID, Name: merchant.Name, CategoryCode: merchant.CategoryCode, City: merchant.City, Country: merchant.Country,
	}
}

// merchantOf returns the merchant that a request names, unchecked.
func merchantOf(merchant *bankv1.Merchant) bank.Merchant {
	return bank.Merchant{
		ID: merchant.GetId(), Name: merchant.GetName(), CategoryCode: merchant.GetCategoryCode(),
		City: merchant.GetCity(), Country: merchant.GetCountry(),
	}
}
