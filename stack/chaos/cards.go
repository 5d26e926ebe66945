package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// holding is what a card of the load is for.
type holding uint8

const (
	// wide cards never reach their limit.
	wide holding = iota
	// tight ones live at it.
	tight
	// blocked, small (a limit per purchase), large (a least amount) and rare (one
	// purchase a minute) ones decline for a reason of their own.
	blocked
	small
	large
	rare
	// alone are cards whose every operation is watched.
	alone
	holdings
)

const (
	wideLimit  = 10_000_000_00
	tightLimit = 20_000
	// smallMost and largeLeast are the amounts that a small card does not and a large
	// one does let through.
	smallMost  = 500
	largeLeast = 5_000
)

// card is a card of the load. It is never changed.
type card struct {
	index   uint32
	holding holding
	name    string // cards/{uuid}
	account string // accounts/{uuid}
	data    *bankv1.CardData
}

// wallet are the cards of the load.
type wallet struct {
	mutex sync.RWMutex
	all   []*card
	by    [holdings][]*card
}

// reserve keeps an index for a card that is about to be issued.
func (w *wallet) reserve() uint32 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.all = append(w.all, nil)
	return uint32(len(w.all) - 1)
}

func (w *wallet) add(c *card) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.all[c.index] != nil {
		return
	}
	w.all[c.index] = c
	w.by[c.holding] = append(w.by[c.holding], c)
}

// get returns a card by its index; nil when it was never issued.
func (w *wallet) get(index uint32) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.all[index]
}

// draw returns one card of a kind; nil when there is none.
func (w *wallet) draw(random *rand.Rand, kind holding) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if len(w.by[kind]) == 0 {
		return nil
	}
	return w.by[kind][random.IntN(len(w.by[kind]))]
}

// issued returns all cards that were issued.
func (w *wallet) issued() []*card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	var cards []*card
	for _, c := range w.all {
		if c != nil {
			cards = append(cards, c)
		}
	}
	return cards
}

// issueRequest is the request of an issue, from its line in the history.
func issueRequest(n uint32, op operation) *bankv1.IssueCardRequest {
	request := &bankv1.IssueCardRequest{
		RequestId: requestID(n), HolderName: "Ada Lovelace", Currency: "BRL",
		CreditLimitMinor: op.amount, Brand: bankv1.CardBrand(1 + op.account%8),
	}
	switch holding(op.variant) {
	case small:
		request.PurchaseLimitMinor = smallMost
	case large:
		request.PurchaseMinimumMinor = largeLeast
	case rare:
		request.PurchasesPerMinute = 1
	}
	return request
}

// issue has a card issued; nil when the outcome stays unknown. The settlement asks again.
func (l *load) issue(ctx context.Context, worker int, kind holding, limit int64) *card {
	n := l.history.begin(operation{kind: issue, account: l.wallet.reserve(), amount: limit, variant: uint8(kind)})
	return l.issueAgain(ctx, worker, n)
}

// issueAgain sends an issue until it is answered, for a few tries.
func (l *load) issueAgain(ctx context.Context, worker int, n uint32) *card {
	op := l.history.get(n)
	var issued *bankv1.IssueCardResponse
	ok := l.persist(ctx, n, func(ctx context.Context, try int) class {
		var err error
		issued, err = l.clients.bank(worker, try).cards.IssueCard(ctx, issueRequest(n, op))
		return l.seen.classify("IssueCard", err)
	})
	if !ok {
		return nil
	}
	c := &card{
		index: op.account, holding: holding(op.variant), name: issued.GetCard().GetName(),
		account: issued.GetCard().GetAccount(), data: issued.GetCardData(),
	}
	l.note(n, outcome{id: idOf(c.account)})
	if c.holding == blocked && !l.block(ctx, worker, c) {
		return nil
	}
	l.wallet.add(c)
	return c
}

// block blocks a card, which makes no entry, so it is no operation of the history.
func (l *load) block(ctx context.Context, worker int, c *card) bool {
	for try := 0; ctx.Err() == nil; try++ {
		once, cancel := call(ctx)
		_, err := l.clients.bank(worker, try).cards.BlockCard(once, &bankv1.BlockCardRequest{Name: c.name})
		cancel()
		if l.seen.classify("BlockCard", err) == fine {
			return true
		}
		rest(ctx, pause)
	}
	return false
}

// stock issues the cards that the load begins with.
func (l *load) stock(ctx context.Context, counts [holdings]int) error {
	limits := [holdings]int64{wide: wideLimit, tight: tightLimit, blocked: wideLimit, small: wideLimit, large: wideLimit, rare: wideLimit}
	queue := make(chan holding)
	var working sync.WaitGroup
	for worker := range 32 {
		working.Go(func() {
			for kind := range queue {
				l.issue(ctx, worker, kind, limits[kind])
			}
		})
	}
	wanted := 0
	for kind, count := range counts {
		wanted += count
		for range count {
			queue <- holding(kind)
		}
	}
	close(queue)
	working.Wait()
	if got := len(l.wallet.issued()); got < wanted {
		return fmt.Errorf("only %d of %d cards were issued before the first fault", got, wanted)
	}
	return nil
}

// first returns the card of a kind that was issued first.
func (w *wallet) first(kind holding) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.by[kind][0]
}
