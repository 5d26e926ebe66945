package directory

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/codepix/key"
)

const (
	// flushEvery is how often what was taken here is shared with other replicas.
	flushEvery = 100 * time.Millisecond
	// flushTimeout bounds the last flush, when the program ends.
	flushTimeout = 5 * time.Second
	// maxOwed bounds the memory while the store is away. Look-ups fail then; only what payments put back comes in.
	maxOwed = 100_000
	// maxFlush bounds one commit.
	maxFlush = 1000
)

// Guard takes the tokens of look-ups. The buckets are in the store, which all replicas share; a look-up reads them
// with the key, in the same round trip, writes nothing, and remembers it for a moment. What it has taken is subtracted here until it is flushed,
// a moment later, for many look-ups at once. Only the tokens of a miss are written at once, because misses are what a
// scanner sends: on however many replicas he tries, five are answered and the rest is owed.
//
// The tokens of a miss are set aside before the key is read. So no number of look-ups at the same moment finds out
// more, and whether one is refused says nothing about the key.
type Guard struct {
	store          Buckets
	customer, bank Rate
	clock          func() time.Time

	mutex  sync.Mutex
	taken  map[BucketName]*taken
	memory memory

	hits, misses, refused atomic.Int64
}

// taken is what was taken from a bucket and is not in the store, in parts of a Token.
type taken struct {
	// reserved is set aside for look-ups that are not answered yet, owed is to be flushed, and flushing is on its way.
	reserved, owed, flushing int64
}

func newGuard(config *Config) *Guard {
	return &Guard{
		store: config.Store, customer: config.Customer, bank: config.Bank, clock: config.Now,
		taken: make(map[BucketName]*taken), memory: newMemory(),
	}
}

// GuardStats counts look-ups.
type GuardStats struct{ Hits, Misses, Refused int64 }

// Stats returns how many look-ups there were.
func (g *Guard) Stats() GuardStats {
	return GuardStats{g.hits.Load(), g.misses.Load(), g.refused.Load()}
}

// rate returns the rate of a bucket.
func (g *Guard) rate(name BucketName) Rate {
	if name.Customer == "" {
		return g.bank
	}
	return g.customer
}

// missCost returns what a miss takes from a bucket.
func missCost(name BucketName) int64 {
	if name.Customer == "" {
		return BankMissCost * Token
	}
	return CustomerMissCost * Token
}

// bucketsOf returns the names of the buckets of who asks: the customer's, if there is one, and the bank's.
func bucketsOf(who BucketName) []BucketName {
	bank := BucketName{BankCode: who.BankCode}
	if who == bank {
		return []BucketName{bank}
	}
	return []BucketName{who, bank}
}

// reservation is what one look-up has set aside.
type reservation struct {
	names []BucketName
	// before is what was taken from each bucket, with what is set aside, when the store was asked.
	before []int64
	// began is when the store was asked.
	began moment
}

// reserve sets the tokens of a miss aside. If what the look-up would read is remembered, ok says so.
func (g *Guard) reserve(who BucketName, wanted key.Key) (r reservation, found Found, ok bool) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	r = reservation{names: bucketsOf(who), began: moment{g.clock(), g.memory.changes}}
	found, ok = g.memory.recall(wanted, r.names, r.began.at)
	for _, name := range r.names {
		of := g.of(name)
		of.reserved += missCost(name)
		r.before = append(r.before, of.reserved+of.owed+of.flushing)
	}
	return r, found, ok
}

// find reads what a look-up needs, and remembers it.
func (g *Guard) find(ctx context.Context, wanted key.Key, r *reservation) (Found, error) {
	found, err := g.store.Find(ctx, wanted, r.names[0])
	if err == nil {
		g.mutex.Lock()
		defer g.mutex.Unlock()
		g.memory.remember(wanted, r.names, &found, r.began)
	}
	return found, err
}

// changed is called when a change of a key has ended, however it did.
func (g *Guard) changed(of key.Key) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.memory.forgetKey(of)
}

// release ends a reservation. What is owed of it, in the order of its names, is taken for good.
func (g *Guard) release(r *reservation, owed ...int64) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for i, name := range r.names {
		of := g.of(name)
		of.reserved -= missCost(name)
		if i < len(owed) {
			of.owed += owed[i]
		}
		g.drop(name, of)
	}
}

func (g *Guard) of(name BucketName) *taken {
	of := g.taken[name]
	if of == nil {
		of = new(taken)
		g.taken[name] = of
	}
	return of
}

// drop forgets a bucket of which nothing is to be remembered.
func (g *Guard) drop(name BucketName, of *taken) {
	if *of == (taken{}) {
		delete(g.taken, name)
	}
}

// allows returns how many parts of a token the smaller bucket has left besides what is reserved. Error: ErrNoTokens.
func (g *Guard) allows(r *reservation, found *Found, now time.Time) (left int64, err error) {
	for i, name := range r.names {
		stored := *found.bucket(name)
		rate := g.rate(name)
		bucket := rate.Full(now)
		if stored != nil {
			bucket = *stored
		}
		level := rate.Taken(bucket, r.before[i], now).Level
		if level < 0 {
			g.refused.Add(1)
			return 0, ErrNoTokens.After(rate.fills(-level))
		}
		if rest := level + missCost(name); i == 0 || rest < left {
			left = rest
		}
	}
	return left, nil
}

// lookUp reads a key for who asks. Errors: ErrNoKey, ErrNoTokens.
func (g *Guard) lookUp(ctx context.Context, wanted key.Key, who BucketName) (Answer, error) {
	r, found, known := g.reserve(who, wanted)
	if !known {
		var err error
		if found, err = g.find(ctx, wanted, &r); err != nil {
			g.release(&r)
			return Answer{}, err
		}
	}
	left, err := g.allows(&r, &found, now(g.clock))
	if err != nil {
		g.release(&r)
		return Answer{}, err
	}
	if found.Active == nil {
		return Answer{}, g.missed(ctx, &r)
	}
	g.hits.Add(1)
	g.release(&r, HitCost*Token, HitCost*Token)
	return Answer{Entry: *found.Active, TokensLeft: max(0, left/Token-HitCost)}, nil
}

// missed takes the tokens of a miss: the customer's at once, and the bank's with the next flush. It always returns an
// error: ErrNoKey, or ErrNoTokens if other replicas have taken the rest meanwhile.
func (g *Guard) missed(ctx context.Context, r *reservation) error {
	g.misses.Add(1)
	if len(r.names) == 1 {
		g.release(r, missCost(r.names[0]))
		return ErrNoKey
	}
	name := r.names[0]
	buckets, err := g.store.Spend(ctx, now(g.clock), []Spending{{Name: name, Rate: g.rate(name), Level: missCost(name)}})
	if err != nil { // It is owed all the same: who gives up early finds out nothing for nothing.
		g.release(r, missCost(name), missCost(r.names[1]))
		return err
	}
	g.spent(name, buckets[0])
	g.release(r, 0, missCost(r.names[1]))
	if level := buckets[0].Level; level < 0 {
		g.refused.Add(1)
		return ErrNoTokens.After(g.customer.fills(-level))
	}
	return ErrNoKey
}

// spent is called when tokens were taken from a bucket in the store, with what it is then.
func (g *Guard) spent(name BucketName, after Bucket) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.memory.spent(name, after)
}

// asking does something that may say whether somebody has a key. If it has said so, it costs as much as a miss.
func (g *Guard) asking(ctx context.Context, of Party, do func() (said bool, err error)) error {
	r, _, _ := g.reserve(BucketName{BankCode: of.BankCode, Customer: of.AccountID.String()}, key.Key{})
	found, err := g.store.Find(ctx, key.Key{}, r.names[0])
	if err == nil {
		_, err = g.allows(&r, &found, now(g.clock))
	}
	if err != nil {
		g.release(&r)
		return err
	}
	said, err := do()
	if !said {
		g.release(&r)
		return err
	}
	if missed := g.missed(ctx, &r); err != nil && !errors.Is(missed, ErrNoKey) {
		return missed
	}
	return err // What was done stays done; what it cost is taken, or owed.
}

// putBack gives a payer a token back.
func (g *Guard) putBack(who BucketName) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, name := range bucketsOf(who) {
		if len(g.taken) < maxOwed || g.taken[name] != nil {
			of := g.of(name)
			of.owed -= PaymentReturns * Token
			g.drop(name, of)
		}
	}
}

// Run flushes what was taken until ctx ends, and once more then.
func (g *Guard) Run(ctx context.Context, logger *slog.Logger) {
	ticks := time.NewTicker(flushEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
			defer cancel()
			if err := g.Flush(last); err != nil {
				logger.Warn("the tokens of the last look-ups were not stored", "error", err)
			}
			return
		case <-ticks.C:
			if err := g.Flush(ctx); err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "the tokens of look-ups were not stored; it is tried again", "error", err)
			}
		}
	}
}

// Flush shares what was taken with other replicas.
func (g *Guard) Flush(ctx context.Context) error {
	spendings := g.flushed()
	for part := range slices.Chunk(spendings, maxFlush) {
		after, err := g.store.Spend(ctx, now(g.clock), part)
		if err != nil { // Its outcome is unknown, so the tokens are taken again: two of them at most, for a hit.
			return err
		}
		g.settle(part, after)
	}
	return nil
}

// flushed returns what is owed, and marks it as on its way. What did not arrive before is among it.
func (g *Guard) flushed() []Spending {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.memory.sweep(g.clock())
	var spendings []Spending
	for name, of := range g.taken {
		of.flushing, of.owed = of.flushing+of.owed, 0
		if of.flushing != 0 {
			spendings = append(spendings, Spending{Name: name, Rate: g.rate(name), Level: of.flushing})
		} else {
			g.drop(name, of)
		}
	}
	slices.SortFunc(spendings, func(a, b Spending) int {
		return cmp.Or(cmp.Compare(a.Name.BankCode, b.Name.BankCode), cmp.Compare(a.Name.Customer, b.Name.Customer))
	})
	return spendings
}

// settle ends a flush, with the buckets as they are then.
func (g *Guard) settle(part []Spending, after []Bucket) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for i, spending := range part {
		of := g.of(spending.Name)
		of.flushing -= spending.Level
		g.memory.spent(spending.Name, after[i])
		g.drop(spending.Name, of)
	}
}
