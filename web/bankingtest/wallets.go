package bankingtest

import (
	"context"
	"slices"

	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Open opens an account of a user, and returns its id. limit is that of a card's account.
func (w *World) Open(user string, kind bankv1.AccountKind, limit int64) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.open(user, kind, limit).GetName()[len("accounts/"):]
}

func (w *World) open(user string, kind bankv1.AccountKind, limit int64) *bankv1.Account {
	opened := &bankv1.Account{
		Name: "accounts/" + newID(), CustomerId: user, Currency: "BRL", Kind: kind, CreditLimitMinor: limit, AvailableMinor: limit, Sequence: 1,
	}
	w.accounts = append(w.accounts, opened)
	return opened
}

// Post puts a line on an account, whose amount, direction and texts are those of the line. The time is the clock's if the
// line has none.
func (w *World) Post(account string, line *statementv1.Line) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.post(w.find("accounts/"+account), line)
}

func (w *World) post(account *bankv1.Account, line *statementv1.Line) {
	change := line.GetAmountMinor()
	if line.GetDirection() == statementv1.LineDirection_LINE_DIRECTION_DEBIT {
		change = -change
	}
	account.BalanceMinor += change
	account.Sequence++
	account.AvailableMinor = account.GetBalanceMinor() - account.GetHeldMinor() + account.GetCreditLimitMinor()
	line.Sequence, line.Currency, line.BalanceAfterMinor = account.GetSequence(), account.GetCurrency(), account.GetBalanceMinor()
	if line.GetOccurTime() == nil {
		line.OccurTime = timestamppb.New(w.now())
	}
	w.lines[account.GetName()] = append(w.lines[account.GetName()], line)
}

// Hold sets an amount of an account aside.
func (w *World) Hold(account string, hold *statementv1.PendingHold) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	of := w.find("accounts/" + account)
	of.HeldMinor += hold.GetAmountMinor()
	of.AvailableMinor -= hold.GetAmountMinor()
	hold.Currency, hold.OccurTime = of.GetCurrency(), timestamppb.New(w.now())
	w.holds[of.GetName()] = append(w.holds[of.GetName()], hold)
}

// Balance returns the balance of an account.
func (w *World) Balance(account string) int64 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.find("accounts/" + account).GetBalanceMinor()
}

func (w *World) find(name string) *bankv1.Account {
	for _, one := range w.accounts {
		if one.GetName() == name {
			return one
		}
	}
	return nil
}

// own returns an account of the caller.
func (w *World) own(ctx context.Context, field, name string) (*bankv1.Account, error) {
	asking, err := w.caller(ctx)
	if err != nil {
		return nil, err
	}
	if found := w.find(name); found != nil && found.GetCustomerId() == asking.user.id {
		return found, nil
	}
	return nil, fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.").In(field)
}

type wallets struct {
	bankv1.UnimplementedWalletServiceServer
	*World
}

func (s *wallets) OpenAccount(ctx context.Context, in *bankv1.OpenAccountRequest) (*bankv1.OpenAccountResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asking, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.OpenAccountResponse, error) {
		return &bankv1.OpenAccountResponse{Account: proto.CloneOf(s.open(asking.user.id, bankv1.AccountKind_ACCOUNT_KIND_WALLET, 0))}, nil
	})
}

func (s *wallets) ListAccounts(ctx context.Context, _ *bankv1.ListAccountsRequest) (*bankv1.ListAccountsResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asking, err := s.caller(ctx)
	if err != nil {
		return nil, err
	}
	answer := &bankv1.ListAccountsResponse{}
	for _, one := range s.accounts {
		if one.GetCustomerId() == asking.user.id {
			answer.Accounts = append(answer.Accounts, proto.CloneOf(one))
		}
	}
	return answer, nil
}

func (s *wallets) GetBalance(ctx context.Context, in *bankv1.GetBalanceRequest) (*bankv1.GetBalanceResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found, err := s.own(ctx, "name", in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetBalanceResponse{Account: proto.CloneOf(found)}, nil
}

func (s *wallets) Transfer(ctx context.Context, in *bankv1.TransferRequest) (*bankv1.TransferResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	source, err := s.own(ctx, "source", in.GetSource())
	if err != nil {
		return nil, err
	}
	destination := s.find(in.GetDestination())
	if destination == nil {
		return nil, fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.").In("destination")
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.TransferResponse, error) {
		made := &bankv1.Transaction{
			Name: "transactions/" + newID(), RequestId: in.GetRequestId(), Kind: bankv1.TransactionKind_TRANSACTION_KIND_TRANSFER,
			Status: bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED, AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(),
			Source: in.GetSource(), Destination: in.GetDestination(), Description: in.GetMessage(), DecideTime: timestamppb.New(s.now()),
		}
		s.transactions[made.GetName()] = made
		if source.GetAvailableMinor() < in.GetAmountMinor() {
			made.Status = bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED
			made.Decline = &bankv1.Decline{Code: "51", Reason: bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, Message: "The available limit does not cover this amount."}
			return &bankv1.TransferResponse{Transaction: proto.CloneOf(made)}, nil
		}
		s.moved++
		for _, leg := range []struct {
			on, other *bankv1.Account
			direction statementv1.LineDirection
		}{
			{source, destination, statementv1.LineDirection_LINE_DIRECTION_DEBIT}, {destination, source, statementv1.LineDirection_LINE_DIRECTION_CREDIT},
		} {
			s.post(leg.on, &statementv1.Line{
				Kind: statementv1.LineKind_LINE_KIND_TRANSFER, Direction: leg.direction, AmountMinor: in.GetAmountMinor(),
				Description: in.GetMessage(), CounterpartyAccount: leg.other.GetName(), TransactionId: made.GetName()[len("transactions/"):],
			})
		}
		return &bankv1.TransferResponse{Transaction: proto.CloneOf(made)}, nil
	})
}

func (s *wallets) GetTransaction(ctx context.Context, in *bankv1.GetTransactionRequest) (*bankv1.GetTransactionResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.transactions[in.GetName()]
	if found != nil {
		for _, name := range []string{found.GetSource(), found.GetDestination()} {
			if _, err := s.own(ctx, "name", name); err == nil {
				return &bankv1.GetTransactionResponse{Transaction: proto.CloneOf(found)}, nil
			}
		}
	}
	return nil, fault.New(fault.NotFound, "TRANSACTION_NOT_FOUND", "There is no such transaction.")
}

// newest returns a list from its end.
func newest[T any](list []T) []T {
	turned := slices.Clone(list)
	slices.Reverse(turned)
	return turned
}
