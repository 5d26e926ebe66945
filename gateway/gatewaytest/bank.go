package gatewaytest

import (
	"context"
	"fmt"
	"sync"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/proto"
)

// Bank is a bank with wallets in memory. A user owns the customer with his id. Its rules are those of the
// contract, as far as a gateway can see them.
type Bank struct {
	bankv1.UnimplementedWalletServiceServer
	bankv1.UnimplementedCardServiceServer

	mutex        sync.Mutex
	accounts     []*bankv1.Account
	transactions []*bankv1.Transaction
	outcomes     map[string]outcome
	voided       map[string]bool
}

// outcome is the answer to a request id, with the request.
type outcome struct{ request, answer proto.Message }

// NewBank returns an empty bank.
func NewBank() *Bank { return &Bank{outcomes: make(map[string]outcome), voided: make(map[string]bool)} }

var namespace = id.ID{0xba}

// errReused is the bank's own refusal.
var errReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "The request id was used before, with another request.")

// once answers a request id: the first outcome, or a new one.
func once[T proto.Message](b *Bank, ctx context.Context, requestID string, request proto.Message, decide func(transaction id.ID) (T, error)) (T, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	key := serve.Caller(ctx) + " " + requestID
	if known, found := b.outcomes[key]; found {
		if !proto.Equal(known.request, request) {
			var none T
			return none, errReused
		}
		serve.Replayed(ctx)
		return proto.Clone(known.answer).(T), nil
	}
	answer, err := decide(id.Derive(namespace, key))
	if err == nil {
		b.outcomes[key] = outcome{request: proto.Clone(request), answer: proto.Clone(answer)}
	}
	return answer, err
}

func owner(ctx context.Context) string {
	subject := serve.Principal(ctx)
	return subject.Name
}

// account returns an account of the caller.
func (b *Bank) account(ctx context.Context, field, name string) (*bankv1.Account, error) {
	for _, account := range b.accounts {
		if account.GetName() == name && account.GetCustomerId() == owner(ctx) {
			return account, nil
		}
	}
	return nil, fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.").In(field)
}

// OpenAccount opens a wallet of the caller.
func (b *Bank) OpenAccount(ctx context.Context, in *bankv1.OpenAccountRequest) (*bankv1.OpenAccountResponse, error) {
	return once(b, ctx, in.GetRequestId(), in, func(transaction id.ID) (*bankv1.OpenAccountResponse, error) {
		opened := &bankv1.Account{
			Name: "accounts/" + id.Derive(transaction, "account").String(), CustomerId: owner(ctx), Currency: in.GetCurrency(),
			Kind: bankv1.AccountKind_ACCOUNT_KIND_WALLET, Sequence: 1,
		}
		b.accounts = append(b.accounts, opened)
		return &bankv1.OpenAccountResponse{Account: proto.CloneOf(opened)}, nil
	})
}

// ListAccounts answers two accounts on a page, so that who asks has to turn it.
func (b *Bank) ListAccounts(ctx context.Context, in *bankv1.ListAccountsRequest) (*bankv1.ListAccountsResponse, error) {
	if in.GetCustomerId() == "" {
		in.CustomerId = owner(ctx)
	}
	if in.GetCustomerId() != owner(ctx) {
		return nil, fault.New(fault.NotFound, "CUSTOMER_NOT_FOUND", "There is no such customer.")
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	answer, skipped := &bankv1.ListAccountsResponse{}, 0
	_, _ = fmt.Sscan(in.GetPageToken(), &skipped)
	const size = 2
	for _, account := range b.accounts {
		switch {
		case account.GetCustomerId() != in.GetCustomerId():
		case skipped > 0:
			skipped--
		case len(answer.GetAccounts()) == size:
			seen := size
			_, _ = fmt.Sscan(in.GetPageToken(), &seen)
			if in.GetPageToken() != "" {
				seen += size
			}
			answer.NextPageToken = fmt.Sprint(seen)
			return answer, nil
		default:
			answer.Accounts = append(answer.Accounts, proto.CloneOf(account))
		}
	}
	return answer, nil
}

// GetBalance answers an account of the caller.
func (b *Bank) GetBalance(ctx context.Context, in *bankv1.GetBalanceRequest) (*bankv1.GetBalanceResponse, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	account, err := b.account(ctx, "name", in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetBalanceResponse{Account: proto.CloneOf(account)}, nil
}
