package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// What walletSteps leave: so many events of each of the two wallets, and so many events of all.
const (
	payerEvents = 12
	payeeEvents = 3
	// events are those of the card, one of an unknown card, and those of the wallets: of walletSteps and of commandSteps.
	events = 8 + 1 + payerEvents + payeeEvents + senderEvents + receiverEvents
)

// walletStep is a step that calls the service of wallets.
func walletStep(name string, ask func(context.Context, bankv1.WalletServiceClient, *shopper) (proto.Message, error)) step {
	return step{name, func(ctx context.Context, conn grpc.ClientConnInterface, c *shopper) (proto.Message, error) {
		return ask(ctx, bankv1.NewWalletServiceClient(conn), c)
	}}
}

// account returns the account that a step has opened.
func (c *shopper) account(step string) string {
	opened, _ := c.answers[step].(*bankv1.OpenAccountResponse)
	return opened.GetAccount().GetName()
}

// transaction returns the name of the transaction that a step has made.
func (c *shopper) transaction(step string) string {
	made, _ := c.answers[step].(interface{ GetTransaction() *bankv1.Transaction })
	if made == nil {
		return ""
	}
	return made.GetTransaction().GetName()
}

func openStep(name string, deposit int64) step {
	return walletStep(name, func(ctx context.Context, wallets bankv1.WalletServiceClient, _ *shopper) (proto.Message, error) {
		return wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{RequestId: name, Currency: "BRL", OpeningDepositMinor: deposit})
	})
}

func transferStep(name string, amount int64) step {
	return walletStep(name, func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
		return wallets.Transfer(ctx, &bankv1.TransferRequest{
			RequestId: name, Source: c.account("payer"), Destination: c.account("payee"), AmountMinor: amount, Currency: "BRL",
		})
	})
}

func (c *shopper) holdRequest(name string, amount int64) *bankv1.PlaceHoldRequest {
	return &bankv1.PlaceHoldRequest{RequestId: name, Account: c.account("payer"), AmountMinor: amount, Currency: "BRL"}
}

func holdStep(name string, amount int64) step {
	return walletStep(name, func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
		return wallets.PlaceHold(ctx, c.holdRequest(name, amount))
	})
}

// briefHold places a hold that expires. The bank refuses it if it was killed before it decided, and the
// time is over by then; the step asks for another one.
func briefHold(name string, amount int64) step {
	return walletStep(name, func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
		for try := 0; ; try++ {
			if c.brief == nil {
				c.brief = c.holdRequest(fmt.Sprintf("%s-%d", name, time.Now().UnixNano()), amount)
				c.brief.ExpireTime = timestamppb.New(time.Now().Add(1500 * time.Millisecond).Truncate(time.Millisecond))
			}
			answer, err := wallets.PlaceHold(ctx, c.brief)
			if err == nil || fault.CodeOf(err) != fault.InvalidArgument || try > 10 {
				return answer, err
			}
			c.brief = nil
		}
	})
}

// walletSteps end with 6500 on the payer's account and 1500 on the payee's, and nothing held.
func walletSteps() []step {
	return []step{
		openStep("payer", 10_000),
		openStep("payee", 0),
		transferStep("transfer", 2_500),
		transferStep("transfer-too-much", 1_000_000),
		holdStep("hold", 3_000),
		briefHold("brief", 700),
		walletStep("capture", func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
			return wallets.CaptureHold(ctx, &bankv1.CaptureHoldRequest{RequestId: "capture", Name: c.transaction("hold"), AmountMinor: 2_000})
		}),
		holdStep("hold-to-void", 100),
		walletStep("void-hold", func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
			return wallets.VoidHold(ctx, &bankv1.VoidHoldRequest{Name: c.transaction("hold-to-void")})
		}),
		walletStep("return", func(ctx context.Context, wallets bankv1.WalletServiceClient, c *shopper) (proto.Message, error) {
			return wallets.Reverse(ctx, &bankv1.ReverseRequest{RequestId: "return", Name: c.transaction("transfer"), AmountMinor: 1_000})
		}),
	}
}

// sequences returns the sequences of some entries in order; 0 for an entry without an account.
func (w *world) sequences(where string, args ...any) []int64 {
	w.Helper()
	rows, err := w.database.Query(w.Context(), "SELECT coalesce(sequence, 0) FROM entries WHERE "+where+" ORDER BY sequence", args...)
	require.NoError(w, err)
	sequences, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	require.NoError(w, err)
	return sequences
}

// verifyWallets compares the wallets with the answers. The brief hold ends by itself.
func (w *world) verifyWallets(p *process, c *shopper) {
	w.Helper()
	wallets := bankv1.NewWalletServiceClient(p.conn)
	for name, want := range map[string]struct{ balance, events int64 }{"payer": {6_500, payerEvents}, "payee": {1_500, payeeEvents}} {
		var last *bankv1.Account
		await.Until(w, func() bool {
			read, err := wallets.GetBalance(w.Context(), &bankv1.GetBalanceRequest{Name: c.account(name)})
			last = read.GetAccount()
			return err == nil && last.GetBalanceMinor() == want.balance && last.GetHeldMinor() == 0 && last.GetSequence() == want.events
		}, time.Minute, 10*time.Millisecond, "%s is %v", name, last)
		require.Len(w, w.sequences("account_id = $1", c.account(name)[len("accounts/"):]), int(want.events), "no entry twice")
	}
	for step, want := range map[string]struct{ captured, released, reversed int64 }{
		"hold": {2_000, 1_000, 0}, "brief": {0, 700, 0}, "hold-to-void": {0, 100, 0}, "transfer": {0, 0, 1_000},
	} {
		read, err := wallets.GetTransaction(w.Context(), &bankv1.GetTransactionRequest{Name: c.transaction(step)})
		require.NoError(w, err)
		now := read.GetTransaction()
		got := struct{ captured, released, reversed int64 }{now.GetCapturedMinor(), now.GetReleasedMinor(), now.GetReversedMinor()}
		require.Equal(w, want, got, step)
	}
	declined, _ := c.answers["transfer-too-much"].(*bankv1.TransferResponse)
	require.Equal(w, bankv1.TransactionStatus_TRANSACTION_STATUS_DECLINED, declined.GetTransaction().GetStatus())
}
