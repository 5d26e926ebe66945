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
	// recordedOperations is the length of the history of one recorded account; then another
	// account takes its place. recordedMax is the length of all histories together.
	recordedOperations = 400
	recordedMax        = 120_000
	// recordedMaxUnknown is how many operations of an account may have no answer. Each doubles
	// the search.
	recordedMaxUnknown = 3
	// clientsPerAccount is how many clients share an account.
	clientsPerAccount = 4
	// recordedLimit is low, so that purchases reach it and compete for the last of it.
	recordedLimit = 5_000
)

// recordedRate is how many operations are recorded in a second. It spreads them over the run.
func recordedRate(minutes int) int {
	if minutes == 0 {
		return 300
	}
	return max(100, recordedMax/(60*minutes))
}

// recordedHistory holds the operations of the accounts that are checked for linearizability.
// Every operation on these accounts is in it.
type recordedHistory struct {
	mutex      sync.Mutex
	began      time.Time
	pace       pacer
	accounts   []*recordedAccount // by group of clients
	pairs      []*recordedPair    // by group of clients
	initial    map[int]linear.Pair
	names      map[int]string // of the accounts, for people
	operations []linear.Operation
}

func newRecordedHistory() recordedHistory {
	return recordedHistory{began: time.Now(), initial: make(map[int]linear.Pair), names: make(map[int]string)}
}

// recordedAccount is the account that one group of clients uses.
type recordedAccount struct {
	card    *card
	count   int
	unknown int
}

// currentAccount returns the account of a group. It replaces the account when its history is
// long.
func (l *load) currentAccount(ctx context.Context, worker int) *recordedAccount {
	group := worker / clientsPerAccount
	w := &l.recorded
	w.mutex.Lock()
	for len(w.accounts) <= group {
		w.accounts = append(w.accounts, nil)
	}
	a := w.accounts[group]
	w.mutex.Unlock()
	if a != nil && a.hasRoom(w) {
		return a
	}
	c := l.issueRecordedCard(ctx, worker)
	if c == nil {
		return nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.accounts[group] == a { // another client of the group may have replaced it
		w.accounts[group] = &recordedAccount{card: c}
		w.initial[int(c.index)] = linear.Pair{{Limit: recordedLimit, Sequence: 1}}
		w.names[int(c.index)] = c.account
	}
	return w.accounts[group]
}

// issueRecordedCard issues a card that no other worker uses.
func (l *load) issueRecordedCard(ctx context.Context, worker int) *card {
	n := l.history.begin(operation{kind: issue, account: l.cards.reserve(), amount: recordedLimit, variant: uint8(recordedCard)})
	return l.sendIssue(ctx, worker, n)
}

func (a *recordedAccount) hasRoom(w *recordedHistory) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return a.count < recordedOperations && a.unknown < recordedMaxUnknown
}

// recordOperations buys, reverses, changes limits and reads on few accounts. It records when
// each operation was called and answered.
func (l *load) recordOperations(ctx context.Context, worker int, random *rand.Rand) {
	var bought []linear.Operation // approved purchases of the present account; their operation numbers are in numbers
	var numbers []uint32
	var present *recordedAccount
	for !l.over(ctx) {
		l.recorded.pace.wait(ctx, 1)
		account := l.currentAccount(ctx, worker)
		if account == nil || l.recorded.full() {
			sleep(ctx, retryDelay)
			continue
		}
		if account != present {
			present, bought, numbers = account, nil, nil
		}
		op := linear.Operation{Pair: int(account.card.index), Client: worker, Call: time.Since(l.recorded.began)}
		var n uint32
		answered := false
		switch draw := random.IntN(100); {
		case draw < 40:
			op.Kind, op.Amount = linear.Purchase, 1+random.Int64N(400)
			n = l.history.begin(operation{kind: purchase, account: account.card.index, amount: op.Amount})
			if answered = l.sendPurchase(ctx, worker, n); answered {
				op.Approved = l.history.get(n).status == uint8(bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED)
			}
		case draw < 60 && len(bought) > 0:
			i := random.IntN(len(bought))
			op.Kind, op.Amount = linear.Reversal, bought[i].Amount
			n = l.history.begin(operation{kind: reversal, account: account.card.index, amount: op.Amount, target: numbers[i]})
			bought, numbers = append(bought[:i], bought[i+1:]...), append(numbers[:i], numbers[i+1:]...)
			answered = l.sendReversal(ctx, worker, n)
		case draw < 65:
			op.Kind, op.Amount = linear.Limit, random.Int64N(2*recordedLimit)
			n = l.history.begin(operation{kind: limitChange, account: account.card.index, amount: op.Amount})
			answered = l.sendLimit(ctx, worker, n)
		default:
			op.Kind = linear.Read
			if op.Seen, answered = l.readAccount(ctx, worker, account.card); !answered {
				continue // a read without an answer shows nothing
			}
		}
		op.Return = time.Since(l.recorded.began)
		if answered && op.Kind == linear.Purchase && op.Approved {
			bought, numbers = append(bought, op), append(numbers, n)
		}
		l.recorded.add(account, op, answered)
	}
}

func (w *recordedHistory) full() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.operations) >= recordedMax
}

func (w *recordedHistory) add(account *recordedAccount, op linear.Operation, answered bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !answered {
		op.Return, op.Approved = linear.Never, false
		account.unknown++
	}
	account.count++
	w.operations = append(w.operations, op)
}

// readAccount reads an account at the bank.
func (l *load) readAccount(ctx context.Context, worker int, c *card) (linear.Account, bool) {
	once, cancel := callContext(ctx)
	defer cancel()
	answer, err := l.clients.bank(worker, 0).cards.GetAccount(once, &bankv1.GetAccountRequest{Name: c.account})
	if l.observed.classify("GetAccount", err) != classOK {
		return linear.Account{}, false
	}
	return recordedState(answer.GetAccount()), true
}

func recordedState(a *bankv1.Account) linear.Account {
	return linear.Account{
		Balance: a.GetBalanceMinor(), Held: a.GetHeldMinor(), Limit: a.GetCreditLimitMinor(), Sequence: a.GetSequence(),
	}
}
