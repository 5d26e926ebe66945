package gatewaytest

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// errNoTransaction answers for another's transaction too.
var errNoTransaction = fault.New(fault.NotFound, "TRANSACTION_NOT_FOUND", "There is no such transaction.")

// post decides a movement on an account of the caller: declined if it would be overdrawn.
func (b *Bank) post(ctx context.Context, account string, change int64, made *bankv1.Transaction) (*bankv1.Transaction, error) {
	at, err := b.account(ctx, "account", account)
	if err != nil {
		return nil, err
	}
	if made.GetAmountMinor() <= 0 {
		return nil, fault.Invalid("amount_minor", "The amount must be 1 or more.")
	}
	made.Status, made.DecideTime, made.Currency = bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED, timestamppb.New(time.Now()), at.GetCurrency()
	made.Source = account
	if at.GetBalanceMinor()-at.GetHeldMinor()+change < 0 {
		made.Status = bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED
		made.Decline = &bankv1.Decline{Code: "51", Reason: bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, Message: "The balance does not cover the amount."}
		change = 0
	}
	at.BalanceMinor += change
	at.AvailableMinor = at.GetBalanceMinor() - at.GetHeldMinor()
	at.Sequence++
	b.transactions = append(b.transactions, proto.CloneOf(made))
	return made, nil
}

func newTransaction(transaction id.ID, requestID string, kind bankv1.TransactionKind, minor int64) *bankv1.Transaction {
	return &bankv1.Transaction{Name: "transactions/" + transaction.String(), RequestId: requestID, Kind: kind, AmountMinor: minor}
}

// Deposit pays in.
func (b *Bank) Deposit(ctx context.Context, in *bankv1.DepositRequest) (*bankv1.DepositResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.DepositResponse, error) {
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_DEPOSIT, in.GetAmountMinor())
		made.Description = in.GetDescription()
		posted, err := b.post(ctx, in.GetAccount(), in.GetAmountMinor(), made)
		return &bankv1.DepositResponse{Transaction: posted}, err
	})
}

// Withdraw pays out.
func (b *Bank) Withdraw(ctx context.Context, in *bankv1.WithdrawRequest) (*bankv1.WithdrawResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.WithdrawResponse, error) {
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_WITHDRAWAL, in.GetAmountMinor())
		posted, err := b.post(ctx, in.GetAccount(), -in.GetAmountMinor(), made)
		return &bankv1.WithdrawResponse{Transaction: posted}, err
	})
}

// Purchase pays a merchant.
func (b *Bank) Purchase(ctx context.Context, in *bankv1.PurchaseRequest) (*bankv1.PurchaseResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.PurchaseResponse, error) {
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_PURCHASE, in.GetAmountMinor())
		made.Merchant = in.GetMerchant()
		posted, err := b.post(ctx, in.GetAccount(), -in.GetAmountMinor(), made)
		return &bankv1.PurchaseResponse{Transaction: posted}, err
	})
}

// Transfer takes from the source; the destination is another's, or the same.
func (b *Bank) Transfer(ctx context.Context, in *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.TransferResponse, error) {
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_TRANSFER, in.GetAmountMinor())
		made.Destination = in.GetDestination()
		posted, err := b.post(ctx, in.GetSource(), -in.GetAmountMinor(), made)
		return &bankv1.TransferResponse{Transaction: posted}, err
	})
}

// PlaceHold sets aside.
func (b *Bank) PlaceHold(ctx context.Context, in *bankv1.PlaceHoldRequest) (*bankv1.PlaceHoldResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.PlaceHoldResponse, error) {
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_HOLD, in.GetAmountMinor())
		posted, err := b.post(ctx, in.GetAccount(), 0, made)
		if err == nil {
			at, _ := b.account(ctx, "account", in.GetAccount())
			at.HeldMinor += in.GetAmountMinor()
			at.AvailableMinor = at.GetBalanceMinor() - at.GetHeldMinor()
		}
		return &bankv1.PlaceHoldResponse{Transaction: posted}, err
	})
}

// VoidHold releases.
func (b *Bank) VoidHold(ctx context.Context, in *bankv1.VoidHoldRequest) (*bankv1.VoidHoldResponse, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	held, err := b.transaction(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	if held.GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_HOLD {
		return nil, errNoTransaction
	}
	if held.GetReleasedMinor() == 0 {
		held.ReleasedMinor = held.GetAmountMinor()
		at, _ := b.account(ctx, "account", held.GetSource())
		at.HeldMinor -= held.GetAmountMinor()
		at.AvailableMinor = at.GetBalanceMinor() - at.GetHeldMinor()
	}
	return &bankv1.VoidHoldResponse{Transaction: proto.CloneOf(held)}, nil
}

// CaptureHold refuses: no test captures.
func (b *Bank) CaptureHold(ctx context.Context, in *bankv1.CaptureHoldRequest) (*bankv1.CaptureHoldResponse, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	held, err := b.transaction(ctx, in.GetName())
	return &bankv1.CaptureHoldResponse{Transaction: held}, err
}

// transaction returns a transaction on an account of the caller.
func (b *Bank) transaction(ctx context.Context, name string) (*bankv1.Transaction, error) {
	for _, made := range b.transactions {
		if made.GetName() != name {
			continue
		}
		if _, err := b.account(ctx, "account", made.GetSource()); err == nil {
			return made, nil
		}
	}
	return nil, errNoTransaction
}

// GetTransaction answers a transaction of the caller.
func (b *Bank) GetTransaction(ctx context.Context, in *bankv1.GetTransactionRequest) (*bankv1.GetTransactionResponse, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	found, err := b.transaction(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetTransactionResponse{Transaction: proto.CloneOf(found)}, nil
}

// Reverse gives a purchase back, the whole of what is left or an amount.
func (b *Bank) Reverse(ctx context.Context, in *bankv1.ReverseRequest) (*bankv1.ReverseResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.ReverseResponse, error) {
		original, err := b.transaction(ctx, in.GetName())
		if err != nil {
			return nil, err
		}
		left := original.GetAmountMinor() - original.GetReversedMinor()
		minor := in.GetAmountMinor()
		if minor == 0 {
			minor = left
		}
		switch {
		case original.GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_PURCHASE:
			return nil, fault.New(fault.FailedPrecondition, "NOT_REVERSIBLE", "Only an approved purchase can be reversed.")
		case left == 0:
			return nil, fault.New(fault.FailedPrecondition, "ALREADY_REVERSED", "The purchase was given back before.")
		case minor > left:
			return nil, fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the purchase.")
		}
		original.ReversedMinor += minor
		made := newTransaction(transaction, in.GetRequestId(), bankv1.TransactionKind_TRANSACTION_KIND_REVERSAL, minor)
		made.Original = in.GetName()
		posted, err := b.post(ctx, original.GetSource(), minor, made)
		return &bankv1.ReverseResponse{Transaction: posted}, err
	})
}

// Cancel ends a request id that was never used.
func (b *Bank) Cancel(ctx context.Context, in *bankv1.CancelRequest) (*bankv1.CancelResponse, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	key := serve.Caller(ctx) + " " + in.GetRequestId()
	if b.outcomes[key].answer != nil {
		return nil, fault.New(fault.FailedPrecondition, "NOT_PENDING", "The transaction is completed.")
	}
	b.voided[key] = true
	return &bankv1.CancelResponse{Transaction: &bankv1.Transaction{
		RequestId: in.GetRequestId(), Status: bankv1.TransactionStatus_TRANSACTION_STATUS_VOIDED,
	}}, nil
}

// arrived says that a command of the gateway came by the topic, and whether it was cancelled before. If not, it
// cannot be cancelled any more.
func (b *Bank) arrived(requestID string) (cancelled bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	key := "gateway " + requestID
	if b.voided[key] {
		return true
	}
	b.outcomes[key] = outcome{answer: &bankv1.TransferResponse{}}
	return false
}

// CloseAccount closes an account without a balance.
func (b *Bank) CloseAccount(ctx context.Context, in *bankv1.CloseAccountRequest) (*bankv1.CloseAccountResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(id.ID) (*bankv1.CloseAccountResponse, error) {
		account, err := b.account(ctx, "name", in.GetName())
		if err != nil {
			return nil, err
		}
		account.CloseTime = timestamppb.New(time.Now())
		return &bankv1.CloseAccountResponse{Account: proto.CloneOf(account)}, nil
	})
}

// GetCard, BlockCard, UnblockCard and GetAccount know the card that User owns, and his accounts.
func (b *Bank) GetCard(ctx context.Context, in *bankv1.GetCardRequest) (*bankv1.GetCardResponse, error) {
	card, err := ownCard(ctx, in.GetName())
	return &bankv1.GetCardResponse{Card: card}, err
}

// BlockCard blocks the card.
func (b *Bank) BlockCard(ctx context.Context, in *bankv1.BlockCardRequest) (*bankv1.BlockCardResponse, error) {
	card, err := ownCard(ctx, in.GetName())
	return &bankv1.BlockCardResponse{Card: card}, err
}

// UnblockCard unblocks the card.
func (b *Bank) UnblockCard(ctx context.Context, in *bankv1.UnblockCardRequest) (*bankv1.UnblockCardResponse, error) {
	card, err := ownCard(ctx, in.GetName())
	return &bankv1.UnblockCardResponse{Card: card}, err
}

// GetAccount answers an account of the caller.
func (b *Bank) GetAccount(ctx context.Context, in *bankv1.GetAccountRequest) (*bankv1.GetAccountResponse, error) {
	found, err := b.GetBalance(ctx, &bankv1.GetBalanceRequest{Name: in.GetName()})
	return &bankv1.GetAccountResponse{Account: found.GetAccount()}, err
}

func ownCard(ctx context.Context, name string) (*bankv1.Card, error) {
	if owner(ctx) != User {
		return nil, fault.New(fault.NotFound, "CARD_NOT_FOUND", "There is no such card.").In("name")
	}
	return &bankv1.Card{Name: name, CustomerId: User}, nil
}
