package chaos

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	// baselineFor is how long the banks' memory is looked at before a flood.
	baselineFor = 3 * time.Second
	// floodStreams and floodCallers are how many streams, each with as much in a
	// message as one holds, and how many single calls come on top of the load.
	floodStreams = 32
	floodCallers = 96
	floodSize    = 256
	// floodConnections is how many connections they share, to each bank.
	floodConnections = 4
	// refusalLimit is what quickly means, at the 99th percentile, on processors that
	// the flood itself keeps busy.
	refusalLimit = 2 * time.Second
)

// flood is ten times the load and more, for a while. Nobody waits before the next
// operation, and nobody sends again what was refused.
type flood struct {
	load   *load
	onCard *card // nil for all
	over   atomic.Bool

	mutex    sync.Mutex
	refusals []time.Duration // how long single callers waited for them
	offered  atomic.Int64
	accepted atomic.Int64
	refused  atomic.Int64
}

// faultTenfold measures the banks' memory, floods them, and measures again.
func faultTenfold(ctx context.Context, r *run, s step) error {
	_, release := r.banksUnder()
	defer release()
	r.flooded.Store(true)
	baseline := max(r.normal.Load(), r.memory(ctx, baselineFor))
	clients, err := r.system.connect(floodConnections)
	if err != nil {
		return err
	}
	defer clients.close()
	f := &flood{load: r.load}
	if s.Name == tenfoldOneCard {
		f.onCard = r.load.wallet.first(wide)
	}
	var working sync.WaitGroup
	for worker := range floodStreams {
		random := rand.New(rand.NewPCG(s.Draw, uint64(worker)))
		working.Go(func() { f.bulk(ctx, clients, worker, random) })
	}
	for worker := range floodCallers {
		random := rand.New(rand.NewPCG(s.Draw, uint64(1000+worker)))
		working.Go(func() { f.unary(ctx, clients, worker, random) })
	}
	peak := r.memory(ctx, s.lasts())
	f.over.Store(true)
	working.Wait()
	r.tell(f, s, baseline, peak)
	return nil
}

// tell notes and judges what a flood did.
func (r *run) tell(f *flood, s step, baseline, peak int64) {
	seconds := max(1, int64(s.lasts().Seconds()))
	r.log.figure(s.Name+": operations offered a second", f.offered.Load()/seconds)
	r.log.figure(s.Name+": operations accepted a second", f.accepted.Load()/seconds)
	r.log.figure(s.Name+": operations refused", f.refused.Load())
	r.log.figure(s.Name+": a bank's memory before, kB", baseline)
	r.log.figure(s.Name+": a bank's memory at most, kB", peak)
	if peak > 2*baseline {
		r.load.seen.report(overload, "%s: a bank took %d kB before and %d kB at most", s.Name, baseline, peak)
	}
	if f.refused.Load() == 0 {
		r.load.seen.report(overload, "%s: nothing was refused", s.Name)
	}
	if len(f.refusals) > 0 {
		late := percentile(f.refusals, 99)
		r.log.figure(s.Name+": single refusals", int64(len(f.refusals)))
		r.log.figure(s.Name+": milliseconds to a refusal, median", percentile(f.refusals, 50).Milliseconds())
		r.log.figure(s.Name+": milliseconds to a refusal, p99", late.Milliseconds())
		if late > refusalLimit && !r.options.Untimed {
			r.load.seen.report(overload, "%s: a refusal took %s at the 99th percentile", s.Name, late)
		}
	}
}

func (f *flood) draw(random *rand.Rand) operation {
	if f.onCard != nil {
		return operation{kind: purchase, account: f.onCard.index, amount: 1 + random.Int64N(100)}
	}
	op := f.load.draw(random)
	op.variant = byName
	return op
}

func (f *flood) bulk(ctx context.Context, clients *clients, worker int, random *rand.Rand) {
	b := &bulk{load: f.load, clients: clients, worker: worker}
	defer b.hangUp()
	for !f.over.Load() && ctx.Err() == nil {
		open := make([]uint32, 0, floodSize)
		for range floodSize {
			open = append(open, f.load.history.begin(f.draw(random)))
		}
		f.offered.Add(floodSize)
		left := b.exchange(ctx, open)
		f.accepted.Add(int64(len(open) - len(left)))
		for _, n := range left {
			f.load.history.refuse(n)
		}
		f.refused.Add(int64(len(left)))
	}
}

func (f *flood) unary(ctx context.Context, clients *clients, worker int, random *rand.Rand) {
	for !f.over.Load() && ctx.Err() == nil {
		n := f.load.history.begin(f.draw(random))
		op := f.load.history.get(n)
		f.offered.Add(1)
		began := time.Now()
		var answer *bankv1.AuthorizePurchaseResponse
		once, cancel := call(ctx)
		answer, err := clients.bank(worker, 0).purchases.AuthorizePurchase(once, f.load.purchaseRequest(n, op))
		cancel()
		switch f.load.seen.classify("AuthorizePurchase", err) {
		case fine:
			f.accepted.Add(1)
			f.load.decided(n, op, answer.GetPurchase())
		case busy:
			f.refused.Add(1)
			f.load.history.refuse(n)
			f.mutex.Lock()
			f.refusals = append(f.refusals, time.Since(began))
			f.mutex.Unlock()
		default:
			f.load.history.lose(n)
		}
	}
}

// watchMemory notes the most that a bank has resident under the usual load, until
// the first flood: a bank that was killed a moment ago has not taken what it needs.
func (r *run) watchMemory(ctx context.Context) {
	for !r.flooded.Load() && ctx.Err() == nil {
		if most := r.memory(ctx, time.Second); !r.flooded.Load() {
			r.normal.Store(max(r.normal.Load(), most))
		}
	}
}

// memory returns the most that a bank has resident within a while, in kB.
func (r *run) memory(ctx context.Context, while time.Duration) int64 {
	var most int64
	for until := time.Now().Add(while); ; {
		for _, bank := range r.system.banks {
			most = max(most, resident(bank.row.Pid()))
		}
		if time.Now().After(until) || !rest(ctx, 100*time.Millisecond) {
			return most
		}
	}
}

// resident is how much memory a process has, in kB; 0 where that is not told.
func resident(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
	return kilobytes
}
