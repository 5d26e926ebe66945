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
	// baselineDuration is how long the memory of the banks is sampled before a flood.
	baselineDuration = 3 * time.Second
	// floodStreams is the number of extra streams, each with full messages. floodCallers is the
	// number of extra unary clients.
	floodStreams = 32
	floodCallers = 96
	floodSize    = 256
	// floodConnections is how many connections to each bank they share.
	floodConnections = 4
	// maxRefusalTime is the longest time for a refusal at the 99th percentile. The flood itself
	// keeps the processors busy.
	maxRefusalTime = 2 * time.Second
)

// flood is ten times the load, or more, for a while. Its clients do not wait between operations
// and do not send refused ones again.
type flood struct {
	load    *load
	onCard  *card // nil for all cards
	stopped atomic.Bool

	mutex    sync.Mutex
	refusals []time.Duration // how long unary clients waited for a refusal
	offered  atomic.Int64
	accepted atomic.Int64
	refused  atomic.Int64
}

// faultFlood measures the memory of the banks before and during a flood.
func faultFlood(ctx context.Context, r *run, s step) error {
	_, release := r.lockBanks()
	defer release()
	r.flooded.Store(true)
	baseline := max(r.peakMemory.Load(), r.maxMemory(ctx, baselineDuration))
	clients, err := r.system.connect(floodConnections)
	if err != nil {
		return err
	}
	defer clients.close()
	f := &flood{load: r.load}
	if s.Name == floodOneCard {
		f.onCard = r.load.cards.firstOf(highLimit)
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
	peak := r.maxMemory(ctx, s.duration())
	f.stopped.Store(true)
	working.Wait()
	r.checkFlood(f, s, baseline, peak)
	return nil
}

// checkFlood records the figures of a flood and checks them.
func (r *run) checkFlood(f *flood, s step, baseline, peak int64) {
	seconds := max(1, int64(s.duration().Seconds()))
	r.journal.setFigure(s.Name+": operations offered a second", f.offered.Load()/seconds)
	r.journal.setFigure(s.Name+": operations accepted a second", f.accepted.Load()/seconds)
	r.journal.setFigure(s.Name+": operations refused", f.refused.Load())
	r.journal.setFigure(s.Name+": a bank's memory before, kB", baseline)
	r.journal.setFigure(s.Name+": a bank's memory at most, kB", peak)
	if peak > 2*baseline {
		r.load.observed.report(overload, "%s: a bank took %d kB before and %d kB at most", s.Name, baseline, peak)
	}
	if f.refused.Load() == 0 {
		r.load.observed.report(overload, "%s: nothing was refused", s.Name)
	}
	if len(f.refusals) > 0 {
		late := percentile(f.refusals, 99)
		r.journal.setFigure(s.Name+": single refusals", int64(len(f.refusals)))
		r.journal.setFigure(s.Name+": milliseconds to a refusal, median", percentile(f.refusals, 50).Milliseconds())
		r.journal.setFigure(s.Name+": milliseconds to a refusal, p99", late.Milliseconds())
		if late > maxRefusalTime && !r.options.Untimed {
			r.load.observed.report(overload, "%s: a refusal took %s at the 99th percentile", s.Name, late)
		}
	}
}

func (f *flood) draw(random *rand.Rand) operation {
	if f.onCard != nil {
		return operation{kind: purchase, account: f.onCard.index, amount: 1 + random.Int64N(100)}
	}
	op := f.load.drawPurchase(random)
	op.variant = byName
	return op
}

func (f *flood) bulk(ctx context.Context, clients *clients, worker int, random *rand.Rand) {
	b := &bulk{load: f.load, clients: clients, worker: worker}
	defer b.close()
	for !f.stopped.Load() && ctx.Err() == nil {
		open := make([]uint32, 0, floodSize)
		for range floodSize {
			open = append(open, f.load.history.begin(f.draw(random)))
		}
		f.offered.Add(floodSize)
		left := b.sendOnce(ctx, open)
		f.accepted.Add(int64(len(open) - len(left)))
		for _, n := range left {
			f.load.history.markRefused(n)
		}
		f.refused.Add(int64(len(left)))
	}
}

func (f *flood) unary(ctx context.Context, clients *clients, worker int, random *rand.Rand) {
	for !f.stopped.Load() && ctx.Err() == nil {
		n := f.load.history.begin(f.draw(random))
		op := f.load.history.get(n)
		f.offered.Add(1)
		began := time.Now()
		var answer *bankv1.AuthorizePurchaseResponse
		once, cancel := callContext(ctx)
		answer, err := clients.bank(worker, 0).purchases.AuthorizePurchase(once, f.load.purchaseRequest(n, op))
		cancel()
		switch f.load.observed.classify("AuthorizePurchase", err) {
		case classOK:
			f.accepted.Add(1)
			f.load.checkAnswer(n, op, answer.GetPurchase())
		case classRetryable:
			f.refused.Add(1)
			f.load.history.markRefused(n)
			f.mutex.Lock()
			f.refusals = append(f.refusals, time.Since(began))
			f.mutex.Unlock()
		default:
			f.load.history.markUnknown(n)
		}
	}
}

// trackMemory records the largest resident memory of a bank under the usual load, until the
// first flood. A bank that was killed a moment ago has not reached its usual size yet.
func (r *run) trackMemory(ctx context.Context) {
	for !r.flooded.Load() && ctx.Err() == nil {
		if most := r.maxMemory(ctx, time.Second); !r.flooded.Load() {
			r.peakMemory.Store(max(r.peakMemory.Load(), most))
		}
	}
}

// maxMemory returns the largest resident memory of a bank within a time, in kB.
func (r *run) maxMemory(ctx context.Context, while time.Duration) int64 {
	var most int64
	for until := time.Now().Add(while); ; {
		for _, bank := range r.system.banks {
			most = max(most, residentKB(bank.process.Pid()))
		}
		if time.Now().After(until) || !sleep(ctx, 100*time.Millisecond) {
			return most
		}
	}
}

// residentKB returns the resident memory of a process in kB; 0 where it cannot be read.
func residentKB(pid int) int64 {
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
