package postgres

import (
	"sync"

	"codebank.dev/bank"
)

// backoffs are the accounts that another process works on too. A cached account of theirs is nearly
// always outdated, and each conflict costs a round trip. So after a conflict, batches with the account
// take the locked path for a while. Batches on other accounts do not.
type backoffs struct {
	mutex    sync.Mutex
	accounts map[bank.ID]backoff
}

// backoff is the one of an account: how many batches with it take the locked path at once, and how many
// did after its last conflict, less the optimistic ones that had none since.
type backoff struct{ left, last int }

// The fewest and the most batches of a backoff, and the most accounts that have one.
const (
	shortestBackoff = 4
	longestBackoff  = 1024
	backoffsAtATime = 100_000
)

// take reports whether a batch on these accounts has to take the locked path, and counts it.
func (b *backoffs) take(accounts []bank.ID) bool {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.accounts) == 0 {
		return false
	}
	taken := false
	for _, id := range accounts {
		if of, ok := b.accounts[id]; ok && of.left > 0 {
			taken = true
			of.left--
			b.accounts[id] = of
		}
	}
	return taken
}

// grow begins a longer backoff for each account that the optimistic view of a batch had at another
// version than the locked one that followed it.
func (b *backoffs) grow(optimistic, locked *view) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for i := range locked.accounts {
		id := locked.accounts[i].account.ID
		if locked.accounts[i].version == optimistic.version(id) {
			continue
		}
		of, known := b.accounts[id]
		if !known && len(b.accounts) >= backoffsAtATime {
			b.dropOne()
		}
		of.last = min(max(2*of.last, shortestBackoff), longestBackoff)
		of.left = of.last
		b.accounts[id] = of
	}
}

// dropOne ends the backoff of some account. If that is too early, it begins again.
func (b *backoffs) dropOne() {
	for id := range b.accounts {
		delete(b.accounts, id)
		return
	}
}

// shrink makes the next backoff of accounts shorter, after an optimistic batch with them succeeded.
func (b *backoffs) shrink(accounts []accountState) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.accounts) == 0 {
		return
	}
	for i := range accounts {
		id := accounts[i].account.ID
		of, ok := b.accounts[id]
		switch {
		case !ok:
		case of.last > 1:
			of.last--
			b.accounts[id] = of
		default:
			delete(b.accounts, id)
		}
	}
}
