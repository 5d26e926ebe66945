package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
)

const (
	// transferWallets is how many wallets exchange money, and transferDeposit what each begins with.
	// It is so low that transfers are declined.
	transferWallets = 100
	transferDeposit = 10_000
	// holdWallets is how many wallets have holds, and holdDeposit what each begins with.
	holdWallets = 24
	holdDeposit = 1_000_000
)

// wallet is a wallet account of the load. It is never changed.
type wallet struct {
	index   uint32
	account string // accounts/{uuid}
	opened  int64  // the opening deposit
}

// wallets holds the wallet accounts of the load, and the expiries of its holds. It is safe for
// concurrent use.
type wallets struct {
	mutex     sync.RWMutex
	all       []*wallet
	byAccount map[[16]byte]*wallet
	// expiries says when holds end by themselves, by operation. The other holds have no expiry of
	// their own.
	expiries map[uint32]time.Time
	// customers are the users who own wallets, by index. The other wallets belong to nobody who signs in.
	customers map[uint32]string
}

// reserve returns an index for a wallet that is about to be opened.
func (w *wallets) reserve() uint32 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.all = append(w.all, nil)
	return uint32(len(w.all) - 1)
}

// reserveFor is reserve for a wallet of a user, given by UUID.
func (w *wallets) reserveFor(user string) uint32 {
	index := w.reserve()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.customers == nil {
		w.customers = make(map[uint32]string)
	}
	w.customers[index] = user
	return index
}

// customer returns the user who owns the wallet with an index; "" for none.
func (w *wallets) customer(index uint32) string {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.customers[index]
}

func (w *wallets) add(opened *wallet) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.byAccount == nil {
		w.byAccount = make(map[[16]byte]*wallet)
	}
	w.all[opened.index] = opened
	w.byAccount[idOf(opened.account)] = opened
}

// get returns the wallet with an index; nil if it was never opened.
func (w *wallets) get(index uint32) *wallet {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.all[index]
}

// of returns the wallet with an account's id; nil if it is not one of the load.
func (w *wallets) of(account [16]byte) *wallet {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.byAccount[account]
}

func (w *wallets) setExpiry(n uint32, at time.Time) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.expiries == nil {
		w.expiries = make(map[uint32]time.Time)
	}
	w.expiries[n] = at
}

// expiry returns when a hold ends by itself; zero for one without an expiry of its own.
func (w *wallets) expiry(n uint32) time.Time {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.expiries[n]
}

// openInitialWallets opens the wallets of the load: first those that exchange money, then those
// with holds.
func (l *load) openInitialWallets(ctx context.Context) error {
	for i := range transferWallets + holdWallets {
		deposit := int64(transferDeposit)
		if i >= transferWallets {
			deposit = holdDeposit
		}
		if opened := l.openWallet(ctx, i, deposit); opened == nil || opened.index != uint32(i) {
			return fmt.Errorf("wallet %d was not opened before the first fault", i)
		}
	}
	return nil
}

// openWallet opens a wallet. It returns nil if the outcome is unknown; resolve asks again at the
// end.
func (l *load) openWallet(ctx context.Context, worker int, deposit int64) *wallet {
	return l.sendOpening(ctx, worker, l.history.begin(operation{kind: opening, account: l.wallets.reserve(), amount: deposit}))
}

// sendOpening sends the request until it is answered, a few times at most.
func (l *load) sendOpening(ctx context.Context, worker int, n uint32) *wallet {
	op := l.history.get(n)
	var answer *bankv1.OpenAccountResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).wallets.OpenAccount(ctx, &bankv1.OpenAccountRequest{
			RequestId: requestID(n), CustomerId: l.wallets.customer(op.account), Currency: "BRL", OpeningDepositMinor: op.amount,
		})
		return l.observed.classify("OpenAccount", err)
	})
	if !ok {
		return nil
	}
	opened := &wallet{index: op.account, account: answer.GetAccount().GetName(), opened: op.amount}
	l.recordAnswer(n, outcome{id: idOf(opened.account)})
	if got := answer.GetOpeningDeposit().GetAmountMinor(); got != op.amount {
		l.observed.report("I5", "the opening %s with a deposit of %d was answered with %d", requestID(n), op.amount, got)
	}
	l.wallets.add(opened)
	return opened
}

// transferAtRandom is one client that transfers between random wallets.
func (l *load) transferAtRandom(ctx context.Context, worker int, random *rand.Rand) {
	var recent recentPurchases
	for !l.over(ctx) {
		l.pace.wait(ctx, 1)
		switch draw := random.IntN(1000); {
		case draw < 780:
			l.transferOnce(ctx, worker, random, &recent)
		case draw < 860 && len(recent.decided) > 0:
			l.sendTransfer(ctx, worker, recent.decided[random.IntN(len(recent.decided))]) // again; the answer must be the same
		case draw < 880:
			l.reuseTransferID(ctx, worker, random, &recent)
		case draw < 920:
			l.transferConcurrently(ctx, worker, random)
		case draw < 970:
			l.returnTransfer(ctx, worker, random, &recent)
		default:
			l.readWallet(ctx, worker, l.wallets.get(random.Uint32N(transferWallets)))
		}
	}
}

// drawTransfer returns a transfer between two of the wallets.
func drawTransfer(random *rand.Rand) operation {
	source, shift := random.Uint32N(transferWallets), 1+random.Uint32N(transferWallets-1)
	return operation{kind: transfer, account: source, target: (source + shift) % transferWallets, amount: 1 + random.Int64N(transferDeposit/3)}
}

func (l *load) transferOnce(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	n := l.history.begin(drawTransfer(random))
	if l.sendTransfer(ctx, worker, n) {
		l.addRecent(n, recent)
	}
}

// transferConcurrently sends one transfer several times at once, to every bank.
func (l *load) transferConcurrently(ctx context.Context, worker int, random *rand.Rand) {
	n := l.history.begin(drawTransfer(random))
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() { l.sendTransfer(ctx, worker+i, n) })
	}
	sending.Wait()
}

// transferRequest builds the request of a transfer from its operation in the history.
func (l *load) transferRequest(n uint32, op operation) *bankv1.TransferRequest {
	return &bankv1.TransferRequest{
		RequestId: requestID(n), AmountMinor: op.amount, Currency: "BRL", Message: "load",
		Source: l.wallets.get(op.account).account, Destination: l.wallets.get(op.target).account,
	}
}

// sendTransfer sends a transfer until it is answered. It also repeats an answered transfer.
func (l *load) sendTransfer(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	request := l.transferRequest(n, op)
	var answer *bankv1.TransferResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).wallets.Transfer(ctx, request)
		return l.observed.classify("Transfer", err)
	})
	if !ok {
		return false
	}
	got := answer.GetTransaction()
	l.recordAnswer(n, transactionOutcome(got))
	if got.GetKind() != bankv1.TransactionKind_TRANSACTION_KIND_TRANSFER || got.GetAmountMinor() != op.amount ||
		got.GetSource() != request.GetSource() || got.GetDestination() != request.GetDestination() || got.GetRequestId() != requestID(n) {
		l.observed.report("I5", "transfer %s of %d was answered %v", requestID(n), op.amount, got)
	}
	return true
}

// reuseTransferID sends another transfer under an answered request id. It must be refused.
func (l *load) reuseTransferID(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	if len(recent.decided) == 0 {
		return
	}
	n := recent.decided[random.IntN(len(recent.decided))]
	op := l.history.get(n)
	op.amount++
	once, cancel := callContext(ctx)
	defer cancel()
	_, err := l.clients.bank(worker, 0).wallets.Transfer(once, l.transferRequest(n, op))
	l.observed.requireReuseRefused("Transfer", requestID(n), err)
}

// returnTransfer gives a transfer back, in whole or in part. It is declined if the recipient does
// not have the amount any more.
func (l *load) returnTransfer(ctx context.Context, worker int, random *rand.Rand, recent *recentPurchases) {
	target, ok := recent.take(random)
	if !ok {
		return
	}
	sent := l.history.get(target)
	back := operation{kind: transferReturn, account: sent.account, target: target, amount: sent.amount}
	if random.IntN(2) == 0 {
		back.amount = 1 + random.Int64N(sent.amount)
	}
	l.sendTransferReturn(ctx, worker, l.history.begin(back))
}

func (l *load) sendTransferReturn(ctx context.Context, worker int, n uint32) bool {
	op := l.history.get(n)
	var answer *bankv1.ReverseResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		answer, err = l.clients.bank(worker, try).wallets.Reverse(ctx, &bankv1.ReverseRequest{
			RequestId: requestID(n), Name: l.transactionName(op.target), AmountMinor: op.amount, Description: "given back",
		})
		return l.observed.classify("Reverse", err)
	})
	if !ok {
		return false
	}
	got := answer.GetTransaction()
	l.recordAnswer(n, transactionOutcome(got))
	if got.GetOriginal() != l.transactionName(op.target) || got.GetAmountMinor() != op.amount {
		l.observed.report("I11", "the return %s of %d of %s was answered %v", requestID(n), op.amount, requestID(op.target), got)
	}
	return true
}

// readWallet reads a wallet. Its figures must be those of a wallet.
func (l *load) readWallet(ctx context.Context, worker int, w *wallet) (*bankv1.Account, bool) {
	once, cancel := callContext(ctx)
	defer cancel()
	answer, err := l.clients.bank(worker, 0).wallets.GetBalance(once, &bankv1.GetBalanceRequest{Name: w.account})
	if l.observed.classify("GetBalance", err) != classOK {
		return nil, false
	}
	l.reads.accounts.Add(1)
	a := answer.GetAccount()
	if a.GetBalanceMinor()-a.GetHeldMinor() < 0 || a.GetHeldMinor() < 0 || a.GetAvailableMinor() != a.GetBalanceMinor()-a.GetHeldMinor() {
		l.observed.report("I2", "wallet %s was read with balance %d, held %d and available %d", w.account, a.GetBalanceMinor(), a.GetHeldMinor(), a.GetAvailableMinor())
	}
	return a, true
}

// transactionName returns the name of the transaction of an answered operation.
func (l *load) transactionName(n uint32) string {
	return "transactions/" + uuid.UUID(l.history.get(n).id).String()
}

// transactionOutcome returns the part of an answer that may never change. The statuses of
// transactions have the numbers of those of purchases.
func transactionOutcome(t *bankv1.Transaction) outcome {
	return outcome{id: idOf(t.GetName()), status: uint8(t.GetStatus()), reason: uint8(t.GetDecline().GetReason())}
}
