package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// minHoldTime and maxHoldTime bound the time after which a hold with an expiry ends by itself.
	// The bank accepts one second or more when it decides, which is a moment after the call.
	minHoldTime = 1_200 * time.Millisecond
	maxHoldTime = 3 * time.Second
	maxHold     = 2_000
)

// holdAtRandom is one client that places holds and ends them in every way there is.
func (l *load) holdAtRandom(ctx context.Context, worker int, random *rand.Rand) {
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		op := operation{kind: hold, account: transferWallets + random.Uint32N(holdWallets), amount: 1 + random.Int64N(maxHold)}
		n := l.history.begin(op)
		fate := random.IntN(100)
		expires := time.Now().Add(minHoldTime + time.Duration(random.Int64N(int64(maxHoldTime-minHoldTime)))).Truncate(time.Millisecond)
		if fate < 60 {
			l.wallets.setExpiry(n, expires)
		}
		if !l.sendHold(ctx, worker, n) || l.history.get(n).status != uint8(bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED) {
			continue
		}
		switch {
		case fate < 35: // it expires
		case fate < 42: // captured at the time of its expiry
			if sleep(ctx, time.Until(expires.Add(-50*time.Millisecond))) {
				l.captureHold(ctx, worker, n, op.amount)
			}
		case fate < 55:
			l.captureHold(ctx, worker, n, op.amount)
		case fate < 75:
			l.captureHold(ctx, worker, n, 1+random.Int64N(op.amount))
		case fate < 88:
			l.releaseHold(ctx, worker, n)
		default:
			l.endHoldConcurrently(ctx, worker, n)
		}
		if random.IntN(8) == 0 {
			l.sendHold(ctx, worker, n) // again; the answer must be the same
		}
	}
}

// sendHold sends a hold until it is answered. It also repeats an answered hold, which may have
// ended. The bank refuses a hold that it has not decided in time.
func (l *load) sendHold(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := &bankv1.PlaceHoldRequest{
		RequestId: requestID(n), Account: l.wallets.get(op.account).account, AmountMinor: op.amount, Currency: "BRL",
		Merchant: merchants[n%uint32(len(merchants))], Description: "load", MerchantReference: requestID(n),
	}
	expected := []codes.Code(nil)
	if at := l.wallets.expiry(n); !at.IsZero() {
		request.ExpireTime = timestamppb.New(at)
		expected = []codes.Code{codes.InvalidArgument}
	}
	var answer *bankv1.PlaceHoldResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).wallets.PlaceHold(ctx, request)
		return l.observed.classify("PlaceHold", err, expected...)
	})
	if !ok {
		return false
	}
	got := answer.GetTransaction()
	l.recordAnswer(n, transactionOutcome(got))
	if got.GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_HOLD || got.GetAmountMinor() != op.amount || got.GetRequestId() != requestID(n) {
		l.observed.report("I5", "hold %s of %d was answered %v", requestID(n), op.amount, got)
	}
	return true
}

func (l *load) captureHold(ctx context.Context, worker int, target uint32, amount int64) bool {
	held := l.history.get(target)
	return l.sendCapture(ctx, worker, l.history.begin(operation{kind: capture, account: held.account, target: target, amount: amount}))
}

// sendCapture captures a hold, unless it has ended. A capture of the whole hold names no amount.
func (l *load) sendCapture(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := &bankv1.CaptureHoldRequest{RequestId: requestID(n), Name: l.transactionName(op.target), AmountMinor: op.amount}
	if op.amount == l.history.get(op.target).amount {
		request.AmountMinor = 0
	}
	var answer *bankv1.CaptureHoldResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).wallets.CaptureHold(ctx, request)
		return l.observed.classify("CaptureHold", err, codes.FailedPrecondition)
	})
	if !ok {
		return false
	}
	got := answer.GetTransaction()
	l.recordAnswer(n, transactionOutcome(got))
	if got.GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_CAPTURE || got.GetAmountMinor() != op.amount || got.GetOriginal() != request.GetName() {
		l.observed.report("I11", "the capture %s of %d of %s was answered %v", requestID(n), op.amount, requestID(op.target), got)
	}
	return true
}

func (l *load) releaseHold(ctx context.Context, worker int, target uint32) bool {
	held := l.history.get(target)
	return l.sendRelease(ctx, worker, l.history.begin(operation{kind: release, account: held.account, target: target, amount: held.amount}))
}

// sendRelease voids a hold, unless it was captured.
func (l *load) sendRelease(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		_, err := l.clients.bank(worker, try).wallets.VoidHold(ctx, &bankv1.VoidHoldRequest{Name: l.transactionName(op.target)})
		return l.observed.classify("VoidHold", err, codes.FailedPrecondition)
	})
	if ok {
		l.recordAnswer(n, outcome{})
	}
	return ok
}

// endHoldConcurrently captures a hold twice and voids it, all at once. One of the three ends it.
func (l *load) endHoldConcurrently(ctx context.Context, worker int, n uint32) {
	amount := l.history.get(n).amount
	var sending sync.WaitGroup
	sending.Go(func() { l.captureHold(ctx, worker, n, amount) })
	sending.Go(func() { l.captureHold(ctx, worker+1, n, (amount+1)/2) })
	sending.Go(func() { l.releaseHold(ctx, worker+2, n) })
	sending.Wait()
}

// releaseOpenHolds voids every approved hold without an expiry of its own, after the load. Those
// that have ended stay as they are.
func (l *load) releaseOpenHolds(ctx context.Context) error {
	for n := range l.history.len() {
		op := l.history.get(n)
		open := op.kind == hold && op.state == answered && op.status == uint8(bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED)
		if !open || !l.wallets.expiry(n).IsZero() {
			continue
		}
		sent := l.history.begin(operation{kind: release, account: op.account, target: n, amount: op.amount})
		if err := l.resolveOne(ctx, int(n), sent); err != nil {
			return err
		}
	}
	return nil
}
