package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/chaos/linear"
)

const (
	// watchedOperations is how long the history of one watched account becomes before
	// another account takes its place, and watchedMost how long that of all together.
	watchedOperations = 400
	watchedMost       = 120_000
	// watchedUnknown is how many operations of an account may stay without an answer:
	// each doubles what has to be searched.
	watchedUnknown = 3
	// watchers is how many clients share an account.
	watchers = 4
	// watchedLimit is low, so that limits and races for the last of them show.
	watchedLimit = 5_000
)

// watchedRate is how many operations a second are watched, so that they are spread
// over the run.
func watchedRate(minutes int) int {
	if minutes == 0 {
		return 600
	}
	return max(100, watchedMost/(60*minutes))
}

// watched is the history of the accounts whose every operation is known, to be judged
// for linearizability.
type watched struct {
	mutex      sync.Mutex
	began      time.Time
	pace       pacer
	accounts   []*watchedAccount // by the group of clients
	opened     map[int]linear.Account
	operations []linear.Operation
}

// watchedAccount is the account that one group of clients is at work on.
type watchedAccount struct {
	card  *card
	count int
	lost  int
}

// current returns the account of a group; it is replaced when its history is long.
func (l *load) current(ctx context.Context, worker int) *watchedAccount {
	group := worker / watchers
	w := &l.watched
	w.mutex.Lock()
	for len(w.accounts) <= group {
		w.accounts = append(w.accounts, nil)
	}
	a := w.accounts[group]
	w.mutex.Unlock()
	if a != nil && a.fresh(w) {
		return a
	}
	c := l.issueAlone(ctx, worker)
	if c == nil {
		return nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.accounts[group] == a { // Another of the group may have been quicker.
		w.accounts[group] = &watchedAccount{card: c}
		w.opened[int(c.index)] = linear.Account{Limit: watchedLimit, Sequence: 1}
	}
	return w.accounts[group]
}

// issueAlone issues a card that nobody else draws.
func (l *load) issueAlone(ctx context.Context, worker int) *card {
	n := l.history.begin(operation{kind: issue, account: l.wallet.reserve(), amount: watchedLimit, variant: uint8(alone)})
	return l.issueAgain(ctx, worker, n)
}

func (a *watchedAccount) fresh(w *watched) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return a.count < watchedOperations && a.lost < watchedUnknown
}

// watch buys, gives back, changes limits and reads on few accounts, and takes down
// when each was called and answered.
func (l *load) watch(ctx context.Context, worker int, random *rand.Rand) {
	var bought []linear.Operation // approved ones of the present account, with their numbers in Client
	var numbers []uint32
	var present *watchedAccount
	for !l.over(ctx) {
		l.watched.pace.wait(ctx, 1)
		account := l.current(ctx, worker)
		if account == nil || l.watched.full() {
			rest(ctx, pause)
			continue
		}
		if account != present {
			present, bought, numbers = account, nil, nil
		}
		op := linear.Operation{Account: int(account.card.index), Client: worker, Call: time.Since(l.watched.began)}
		var n uint32
		answered := false
		switch draw := random.IntN(100); {
		case draw < 40:
			op.Kind, op.Amount = linear.Purchase, 1+random.Int64N(400)
			n = l.history.begin(operation{kind: purchase, account: account.card.index, amount: op.Amount})
			if answered = l.send(ctx, worker, n); answered {
				op.Approved = l.history.get(n).status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED)
			}
		case draw < 60 && len(bought) > 0:
			i := random.IntN(len(bought))
			op.Kind, op.Amount = linear.GiveBack, bought[i].Amount
			n = l.history.begin(operation{kind: reversal, account: account.card.index, amount: op.Amount, target: numbers[i]})
			bought, numbers = append(bought[:i], bought[i+1:]...), append(numbers[:i], numbers[i+1:]...)
			answered = l.sendReversal(ctx, worker, n)
		case draw < 65:
			op.Kind, op.Amount = linear.Limit, random.Int64N(2*watchedLimit)
			n = l.history.begin(operation{kind: limitChange, account: account.card.index, amount: op.Amount})
			answered = l.sendLimit(ctx, worker, n)
		default:
			op.Kind = linear.Read
			if op.Seen, answered = l.look(ctx, worker, account.card); !answered {
				continue // A read that was not answered says nothing.
			}
		}
		op.Return = time.Since(l.watched.began)
		if answered && op.Kind == linear.Purchase && op.Approved {
			bought, numbers = append(bought, op), append(numbers, n)
		}
		l.watched.note(account, op, answered)
	}
}

func (w *watched) full() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.operations) >= watchedMost
}

func (w *watched) note(account *watchedAccount, op linear.Operation, answered bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !answered {
		op.Return, op.Approved = linear.Never, false
		account.lost++
	}
	account.count++
	w.operations = append(w.operations, op)
}

// look reads an account at the bank.
func (l *load) look(ctx context.Context, worker int, c *card) (linear.Account, bool) {
	once, cancel := call(ctx)
	defer cancel()
	answer, err := l.clients.bank(worker, 0).cards.GetAccount(once, &bankv1.GetAccountRequest{Name: c.account})
	if l.seen.classify("GetAccount", err) != fine {
		return linear.Account{}, false
	}
	a := answer.GetAccount()
	return linear.Account{Balance: a.GetBalanceMinor(), Limit: a.GetCreditLimitMinor(), Sequence: a.GetSequence()}, true
}
