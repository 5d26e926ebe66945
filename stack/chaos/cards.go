package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// cardKind says what a card of the load is used for.
type cardKind uint8

const (
	// highLimit cards never reach their limit.
	highLimit cardKind = iota
	// lowLimit cards are at their limit most of the time.
	lowLimit
	// Each of these four kinds declines for a reason of its own: blockedCard is blocked,
	// smallAmounts has a limit per purchase, largeAmounts has a minimum amount, and
	// oncePerMinute allows one purchase a minute.
	blockedCard
	smallAmounts
	largeAmounts
	oncePerMinute
	// recordedCard cards have every operation recorded, for the check of linearizability.
	recordedCard
	cardKinds
)

const (
	highLimitMinor = 10_000_000_00
	lowLimitMinor  = 20_000
	// smallAmountMax is the largest amount that a card of smallAmounts accepts. largeAmountMin
	// is the smallest amount that a card of largeAmounts accepts.
	smallAmountMax = 500
	largeAmountMin = 5_000
)

// card is a card of the load. It is never changed.
type card struct {
	index   uint32
	kind    cardKind
	name    string // cards/{uuid}
	account string // accounts/{uuid}
	data    *bankv1.CardData
}

// cardPool holds the cards of the load. It is safe for concurrent use.
type cardPool struct {
	mutex  sync.RWMutex
	all    []*card
	byKind [cardKinds][]*card
}

// reserve returns an index for a card that is about to be issued.
func (w *cardPool) reserve() uint32 {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.all = append(w.all, nil)
	return uint32(len(w.all) - 1)
}

func (w *cardPool) add(c *card) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.all[c.index] != nil {
		return
	}
	w.all[c.index] = c
	w.byKind[c.kind] = append(w.byKind[c.kind], c)
}

// get returns the card with an index; nil if it was never issued.
func (w *cardPool) get(index uint32) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.all[index]
}

// draw returns a random card of a kind; nil if there is none.
func (w *cardPool) draw(random *rand.Rand, kind cardKind) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	if len(w.byKind[kind]) == 0 {
		return nil
	}
	return w.byKind[kind][random.IntN(len(w.byKind[kind]))]
}

// issued returns all issued cards.
func (w *cardPool) issued() []*card {
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

// issueRequest builds the request that issues a card from the operation in the history.
func issueRequest(n uint32, op operation) *bankv1.IssueCardRequest {
	request := &bankv1.IssueCardRequest{
		RequestId: requestID(n), HolderName: "Ada Lovelace", Currency: "BRL",
		CreditLimitMinor: op.amount, Brand: bankv1.CardBrand(1 + op.account%8),
	}
	switch cardKind(op.variant) {
	case smallAmounts:
		request.PurchaseLimitMinor = smallAmountMax
	case largeAmounts:
		request.PurchaseMinimumMinor = largeAmountMin
	case oncePerMinute:
		request.PurchasesPerMinute = 1
	}
	return request
}

// issue issues a card. It returns nil if the outcome is unknown; resolve asks again at the end.
func (l *load) issue(ctx context.Context, worker int, kind cardKind, limit int64) *card {
	n := l.history.begin(operation{kind: issue, account: l.cards.reserve(), amount: limit, variant: uint8(kind)})
	return l.sendIssue(ctx, worker, n)
}

// sendIssue sends the request until it is answered, a few times at most.
func (l *load) sendIssue(ctx context.Context, worker int, n uint32) *card {
	op := l.history.get(n)
	var issued *bankv1.IssueCardResponse
	ok := l.sendUntilAnswered(ctx, n, func(ctx context.Context, try int) class {
		var err error
		issued, err = l.clients.bank(worker, try).cards.IssueCard(ctx, issueRequest(n, op))
		return l.observed.classify("IssueCard", err)
	})
	if !ok {
		return nil
	}
	c := &card{
		index: op.account, kind: cardKind(op.variant), name: issued.GetCard().GetName(),
		account: issued.GetCard().GetAccount(), data: issued.GetCardData(),
	}
	l.recordAnswer(n, outcome{id: idOf(c.account)})
	if c.kind == blockedCard && !l.block(ctx, worker, c) {
		return nil
	}
	l.cards.add(c)
	return c
}

// block blocks a card. Blocking makes no entry in the ledger, so it is not an operation of the
// history.
func (l *load) block(ctx context.Context, worker int, c *card) bool {
	for try := 0; ctx.Err() == nil; try++ {
		once, cancel := callContext(ctx)
		_, err := l.clients.bank(worker, try).cards.BlockCard(once, &bankv1.BlockCardRequest{Name: c.name})
		cancel()
		if l.observed.classify("BlockCard", err) == classOK {
			return true
		}
		sleep(ctx, retryDelay)
	}
	return false
}

// issueInitialCards issues the cards that the load begins with.
func (l *load) issueInitialCards(ctx context.Context, counts [cardKinds]int) error {
	limits := [cardKinds]int64{highLimit: highLimitMinor, lowLimit: lowLimitMinor, blockedCard: highLimitMinor, smallAmounts: highLimitMinor, largeAmounts: highLimitMinor, oncePerMinute: highLimitMinor}
	queue := make(chan cardKind)
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
			queue <- cardKind(kind)
		}
	}
	close(queue)
	working.Wait()
	if got := len(l.cards.issued()); got < wanted {
		return fmt.Errorf("only %d of %d cards were issued before the first fault", got, wanted)
	}
	return nil
}

// firstOf returns the card of a kind that was issued first.
func (w *cardPool) firstOf(kind cardKind) *card {
	w.mutex.RLock()
	defer w.mutex.RUnlock()
	return w.byKind[kind][0]
}
