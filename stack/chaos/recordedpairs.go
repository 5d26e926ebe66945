package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/chaos/linear"
)

// recordedDeposit is what each wallet of a recorded pair begins with. It is low, so that transfers
// and holds compete for the last of it.
const recordedDeposit = 2_000

// recordedPair is a pair of wallets that one group of clients uses. Every operation on them is in
// the recorded history.
type recordedPair struct {
	number  int
	wallets [2]*wallet
	count   int
	unknown int
	holds   int
	// open are the approved holds that a client may end.
	open []recordedHold
}

// recordedHold is an approved hold of a recorded pair.
type recordedHold struct {
	number, side int
	operation    uint32
	amount       int64
}

// currentPair returns the pair of a group. It replaces the pair when its history is long.
func (l *load) currentPair(ctx context.Context, worker int) *recordedPair {
	group := worker / clientsPerAccount
	w := &l.recorded
	w.mutex.Lock()
	for len(w.pairs) <= group {
		w.pairs = append(w.pairs, nil)
	}
	p := w.pairs[group]
	room := p != nil && p.count < recordedOperations && p.unknown < recordedMaxUnknown && p.holds < linear.MaxHolds-clientsPerAccount
	w.mutex.Unlock()
	if room {
		return p
	}
	first, second := l.openWallet(ctx, worker, recordedDeposit), l.openWallet(ctx, worker, recordedDeposit)
	if first == nil || second == nil {
		return nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.pairs[group] == p { // another client of the group may have replaced it
		// The numbers of cards are their indexes, from 0; those of pairs are below.
		next := &recordedPair{number: -1 - int(first.index), wallets: [2]*wallet{first, second}}
		opened := linear.Account{Balance: recordedDeposit, Sequence: 2}
		w.pairs[group], w.initial[next.number] = next, linear.Pair{opened, opened}
		w.names[next.number] = first.account + " and " + second.account
	}
	return w.pairs[group]
}

// recordPairOperations transfers between two wallets, places and ends holds, and reads.
func (l *load) recordPairOperations(ctx context.Context, worker int, random *rand.Rand) {
	for !l.over(ctx) {
		l.recorded.pace.wait(ctx, 1)
		pair := l.currentPair(ctx, worker)
		if pair == nil || l.recorded.full() {
			sleep(ctx, retryDelay)
			continue
		}
		op := linear.Operation{Pair: pair.number, Side: random.IntN(2), Client: pairClient + worker, Call: time.Since(l.recorded.began)}
		var answered bool
		switch draw := random.IntN(100); {
		case draw < 35:
			answered = l.recordTransfer(ctx, pair, &op, random)
		case draw < 50:
			answered = l.recordHold(ctx, pair, &op, random)
		case draw < 65:
			ended, ok := l.recorded.takeHold(pair, random)
			if !ok {
				continue
			}
			answered = l.recordEnd(ctx, ended, &op, random)
		default:
			op.Kind = linear.Read
			a, ok := l.readWallet(ctx, worker, pair.wallets[op.Side])
			if !ok {
				continue // a read without an answer shows nothing
			}
			op.Seen, answered = recordedState(a), true
		}
		op.Return = time.Since(l.recorded.began)
		l.recorded.addToPair(pair, op, answered)
	}
}

// pairClient is the number of the first client of pairs. The clients of cards come before.
const pairClient = 1_000

func (l *load) recordTransfer(ctx context.Context, pair *recordedPair, op *linear.Operation, random *rand.Rand) bool {
	op.Kind, op.Amount = linear.Transfer, 1+random.Int64N(recordedDeposit/2)
	from, to := pair.wallets[op.Side], pair.wallets[1-op.Side]
	n := l.history.begin(operation{kind: transfer, account: from.index, target: to.index, amount: op.Amount})
	answered := l.sendTransfer(ctx, op.Client, n)
	op.Approved = answered && l.approved(n)
	return answered
}

func (l *load) recordHold(ctx context.Context, pair *recordedPair, op *linear.Operation, random *rand.Rand) bool {
	op.Kind, op.Amount, op.Hold = linear.PlaceHold, 1+random.Int64N(recordedDeposit/2), l.recorded.nextHold(pair)
	n := l.history.begin(operation{kind: hold, account: pair.wallets[op.Side].index, amount: op.Amount})
	answered := l.sendHold(ctx, op.Client, n)
	if op.Approved = answered && l.approved(n); op.Approved {
		l.recorded.giveHold(pair, recordedHold{op.Hold, op.Side, n, op.Amount})
	}
	return answered
}

// recordEnd captures or voids a hold. Sometimes it does both, and the second must be refused.
func (l *load) recordEnd(ctx context.Context, ended recordedHold, op *linear.Operation, random *rand.Rand) bool {
	op.Side, op.Hold, op.HeldAmount = ended.side, ended.number, ended.amount
	account := l.history.get(ended.operation).account
	if random.IntN(3) == 0 {
		op.Kind = linear.Release
		n := l.history.begin(operation{kind: release, account: account, target: ended.operation, amount: ended.amount})
		op.Approved = l.sendRelease(ctx, op.Client, n)
		return op.Approved || l.history.get(n).state == failed
	}
	op.Kind, op.Amount = linear.Capture, ended.amount
	if random.IntN(2) == 0 {
		op.Amount = 1 + random.Int64N(ended.amount)
	}
	n := l.history.begin(operation{kind: capture, account: account, target: ended.operation, amount: op.Amount})
	op.Approved = l.sendCapture(ctx, op.Client, n)
	return op.Approved || l.history.get(n).state == failed
}

func (l *load) approved(n uint32) bool {
	return l.history.get(n).status == uint8(bankv1.TransactionStatus_TRANSACTION_STATUS_APPROVED)
}

func (w *recordedHistory) nextHold(pair *recordedPair) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	pair.holds++
	return pair.holds - 1
}

func (w *recordedHistory) giveHold(pair *recordedPair, held recordedHold) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	pair.open = append(pair.open, held)
}

// takeHold returns a random hold to end. One in four stays in the list, so that two clients end it.
func (w *recordedHistory) takeHold(pair *recordedPair, random *rand.Rand) (recordedHold, bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if len(pair.open) == 0 {
		return recordedHold{}, false
	}
	i := random.IntN(len(pair.open))
	held := pair.open[i]
	if random.IntN(4) > 0 {
		pair.open = append(pair.open[:i], pair.open[i+1:]...)
	}
	return held, true
}

func (w *recordedHistory) addToPair(pair *recordedPair, op linear.Operation, answered bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	pair.count++
	if !answered {
		op.Return, op.Approved = linear.Never, false
		pair.unknown++
	}
	w.operations = append(w.operations, op)
}
