package sender

import (
	"context"
	"fmt"

	"codebank.dev/operations/synthetic"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// walletsPerRound is how many requests on wallets a round has at most, and walletCalls how many of them
	// are under way at once.
	walletsPerRound = 64
	walletCalls     = 32
)

// wallets sends the steps on wallets, in rounds in which every wallet is at most once.
type wallets struct {
	*sending
	rounds
	service   bankv1.WalletServiceClient
	originals originals
	tally     tally
}

func newWallets(w *sending) *wallets {
	return &wallets{
		sending: w, service: bankv1.NewWalletServiceClient(w.connection), originals: make(originals), tally: newTally(),
		rounds: rounds{
			size: walletsPerRound, busy: make(map[int]bool),
			keys: func(step *synthetic.Step) [2]int { return [2]int{step.Wallet, step.To} },
		},
	}
}

// send sends all steps of a queue.
func (s *wallets) send(ctx context.Context, queue <-chan synthetic.Step) error {
	for {
		round := s.next(ctx, queue)
		if len(round) == 0 {
			return nil // The queue or ctx has ended.
		}
		if err := s.decide(ctx, round); err != nil {
			return err
		}
	}
}

// decide lets the bank decide a round.
func (s *wallets) decide(ctx context.Context, round []synthetic.Step) error {
	follows := make([]string, len(round))
	for i := range round {
		if step := &round[i]; step.Follows != "" {
			follows[i] = s.originals.followed(step)
		}
		s.originals.expect(&round[i])
	}
	decided := make([]*bankv1.Transaction, len(round))
	err := concurrently(ctx, walletCalls, func(ctx context.Context, _ int, next func() int) error {
		for i := next(); i < len(round); i = next() {
			if round[i].Follows != "" && follows[i] == "" {
				continue // What it follows was declined.
			}
			var err error
			if decided[i], err = s.call(ctx, &round[i], follows[i]); err != nil {
				return fmt.Errorf("request %s: %w", round[i].RequestID, err)
			}
		}
		return nil
	})
	for i, transaction := range decided {
		if transaction != nil {
			s.count(&round[i], transaction)
		}
	}
	return err
}

// call lets the bank decide a step, which may follow the transaction of that name. The bank takes all of a
// history from the Program, also what customers asked for then.
func (s *wallets) call(ctx context.Context, step *synthetic.Step, follows string) (*bankv1.Transaction, error) {
	account := s.accounts[step.Wallet]
	switch step.Kind {
	case synthetic.Deposit:
		answer, err := s.service.Deposit(ctx, step.DepositRequest(account))
		return answer.GetTransaction(), err
	case synthetic.Withdrawal:
		answer, err := s.service.Withdraw(ctx, step.WithdrawRequest(account))
		return answer.GetTransaction(), err
	case synthetic.Capture:
		answer, err := s.service.CaptureHold(ctx, step.CaptureHoldRequest(follows))
		return answer.GetTransaction(), err
	case synthetic.Void:
		answer, err := s.service.VoidHold(ctx, step.VoidHoldRequest(follows))
		return answer.GetTransaction(), err
	case synthetic.Payment:
		answer, err := s.service.Purchase(ctx, step.PaymentRequest(account))
		return answer.GetTransaction(), err
	case synthetic.Hold:
		answer, err := s.service.PlaceHold(ctx, step.HoldRequest(account))
		return answer.GetTransaction(), err
	case synthetic.Transfer:
		answer, err := s.service.Transfer(ctx, step.TransferRequest(account, s.accounts[step.To]))
		return answer.GetTransaction(), err
	}
	answer, err := s.service.Reverse(ctx, step.GiveBackRequest(follows))
	return answer.GetTransaction(), err
}

// count counts a decided step, and keeps its name if a later step needs it.
func (s *wallets) count(step *synthetic.Step, decided *bankv1.Transaction) {
	s.tally.events++
	if decided.GetStatus() != bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED {
		s.tally.refused++
		return
	}
	s.originals.note(step.RequestID, decided.GetName())
	switch step.Kind {
	case synthetic.Deposit:
		s.tally.deposits++
	case synthetic.Withdrawal:
		s.tally.withdrawals++
	case synthetic.Payment:
		s.tally.payments++
	case synthetic.Hold:
		s.tally.holds++
	case synthetic.Capture:
		s.tally.captures++
		s.tally.events += releases(step)
	case synthetic.Void:
		s.tally.voids++
	case synthetic.Transfer:
		s.tally.transfers++
		s.tally.events++ // one for each account
	default:
		s.tally.reversals++
		if step.To >= 0 {
			s.tally.events++
		}
	}
}
