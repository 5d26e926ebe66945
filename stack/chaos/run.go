// Package chaos runs the real stack under a seeded load and injects faults at random. Then it
// checks every promise, one by one.
//
// Clients keep a history of their requests and answers. After the last fault is healed they
// send every request with an unknown outcome again. Then the package compares the history with
// the ledger, and the ledger with every copy of its events, event by event.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// Options say what to run.
type Options struct {
	// Seed decides the schedule of faults and the clients' operations.
	Seed uint64
	// Minutes is how long faults are injected; 0 is one short round of every fault.
	Minutes int
	// Rate is the most operations that the clients begin in a second; 0 is [DefaultRate], or
	// a sixth of it in a short run.
	Rate int
	// Stack describes the stack to run. Everything in its folder is deleted first.
	Stack launch.Config
	// Pictures is the folder for the picture of a history that is not linearizable.
	Pictures string
	// Untimed makes the run measure times and print them without checking them: on a machine
	// that does other work they say more about that work.
	Untimed bool
	// Out gets a line for each thing that happens.
	Out io.Writer
}

// DefaultRate leaves the pipes enough of two processors to keep up.
const DefaultRate = 3_000

// run is one run of the harness.
type run struct {
	options Options
	system  *system
	load    *load
	sinks   *sinks
	journal *journal
	// frontMutex is held by every fault of the front, and by measurements that must run without
	// such faults.
	frontMutex sync.Mutex
	// brokerOutages are the purchases before and during each outage of the broker. brokerAbsences are
	// what was answered while it was away for long. poisonSpans are the times of each poison fault.
	brokerOutages  []brokerOutage
	brokerAbsences []brokerAbsence
	poisonSpans    []poisonSpan
	// indexSamples are the samples of the index under load.
	indexSamples indexSamples
	// gatewayFailpoints is how often the gateway was killed at a failpoint. Only the lane of the front uses it.
	gatewayFailpoints uint64
	// paymentFailpoints is the same for the payment gateway and its processor, by program.
	paymentFailpoints map[string]uint64
	// poisonedCharges are where the records are on the topic of charges that are none.
	poisonedCharges []recordPosition
	// peakMemory is the largest memory that a bank had before the first flood, in kB.
	peakMemory atomic.Int64
	flooded    atomic.Bool
	// frontEnded says that the lane of the front has injected its last fault.
	frontEnded atomic.Bool
	// brokerAway says that the broker is away for long.
	brokerAway atomic.Bool
	began      time.Time
}

// Run starts a stack, loads it, injects faults, heals it and checks every promise. The report
// says whether a promise was violated. An error means that the run could not be checked.
func Run(ctx context.Context, options Options) (*Report, error) {
	if options.Rate == 0 {
		options.Rate = options.rate()
	}
	r := &run{options: options, journal: newJournal(options.Out), paymentFailpoints: make(map[string]uint64)}
	var err error
	if r.system, err = newSystem(options.Stack); err != nil {
		return nil, err
	}
	if err := r.system.stack.Wipe(); err != nil {
		return nil, err
	}
	r.printSchedule()
	if err := r.system.start(ctx); err != nil {
		return nil, errors.Join(err, r.system.stop(ctx))
	}
	report, err := r.loadAndCheck(ctx)
	return report, errors.Join(err, r.system.stop(ctx))
}

// rate returns the rate for a run without an explicit one.
func (o *Options) rate() int {
	if o.Minutes == 0 {
		return DefaultRate / 6
	}
	return DefaultRate
}

// printSchedule prints the first round of the schedule. The later rounds follow from the seed
// too.
func (r *run) printSchedule() {
	r.journal.printf("seed %d; to repeat the schedule: %s", r.options.Seed, r.options.Command())
	for _, lane := range lanes {
		for plan := newSchedule(lane, r.options.Seed, r.options.Minutes == 0); !plan.done(); {
			s := plan.next()
			r.journal.printf("  %s", s.String())
		}
	}
}

// Command returns the command line that repeats the schedule of a run.
func (o *Options) Command() string {
	command := fmt.Sprintf("go run ./stack chaos --seed %d --minutes %d", o.Seed, o.Minutes)
	if o.Rate != o.rate() && o.Rate != 0 {
		command += fmt.Sprintf(" --rate %d", o.Rate)
	}
	return command
}

// connections is how many connections the load has to each bank.
const connections = 3

func (r *run) loadAndCheck(ctx context.Context) (*Report, error) {
	clients, err := r.system.connect(connections)
	if err != nil {
		return nil, err
	}
	defer clients.close()
	addresses := r.system.stack.Addresses()
	if r.sinks, err = newSinks(ctx, addresses.Connect(), addresses.Kafka()); err != nil {
		return nil, err
	}
	defer r.sinks.client.Close()
	r.load = &load{seed: r.options.Seed, clients: clients, observed: newObservations()}
	r.load.recorded = newRecordedHistory()
	r.load.commands.stack = r.system.stack
	r.load.commands.pace.set(CommandRate)
	r.load.charges.pace.set(ChargeRate)
	r.load.payments.pace.set(PixRate)
	r.load.pace.set(r.options.Rate)
	r.load.recorded.pace.set(recordedRate(r.options.Minutes))
	if err := r.load.issueInitialCards(ctx, [cardKinds]int{highLimit: 1000, lowLimit: 300, blockedCard: 10, smallAmounts: 10, largeAmounts: 10, oncePerMinute: 10}); err != nil {
		return nil, err
	}
	if err := r.load.openInitialWallets(ctx); err != nil {
		return nil, err
	}
	if err := r.load.signUpCustomers(ctx, r.system.stack); err != nil {
		return nil, err
	}
	if err := r.load.openTills(ctx, r.system.stack); err != nil {
		return nil, err
	}
	if err := r.openPixAccounts(ctx); err != nil {
		return nil, err
	}
	if err := r.load.openMailroom(ctx, r.system.stack); err != nil {
		return nil, err
	}
	defer r.load.charges.mailroom.close()
	defer r.load.followEvents(ctx)()
	r.load.start(ctx, workers{
		unary: 24, bulk: 4, recorded: 4 * clientsPerAccount, orders: 3, readers: 2,
		transfers: 16, holds: 8, recordedPairs: 2 * clientsPerAccount,
		commands: 2 * gatewayCustomers, charges: tillWorkers * len(r.load.charges.tills), payments: pixWorkers,
	})
	r.began = time.Now()
	r.inject(ctx)
	r.journal.printf("the faults have ended; %d operations are answered", r.load.history.acknowledged.Load())
	if err := r.system.heal(ctx); err != nil {
		return nil, err
	}
	healed := time.Now()
	if err := r.measurePixEnds(ctx, healed); err != nil {
		r.load.observed.report("I14", "payments between banks after the last fault: %v", err)
	}
	if err := pipes.Await(ctx, recoveryTimeout, r.sinks.requireRunning); err != nil {
		r.load.observed.report("I18", "after the last fault, without manual help: %v", err)
	}
	r.journal.setFigure("milliseconds until all tasks ran after the last fault", time.Since(healed).Milliseconds())
	r.load.stop()
	r.journal.faultsEnded(time.Since(r.began))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return r.check(ctx)
}

// withoutLog removes the end of the log from an error, because it names folders of this
// machine.
func withoutLog(err error) error {
	var failure *process.Failure
	if errors.As(err, &failure) {
		return fmt.Errorf("%s: %w", failure.Name, failure.Err)
	}
	return err
}

// inject runs all lanes until the time is over; in a short run it runs one round of each.
func (r *run) inject(ctx context.Context) {
	until := r.began.Add(time.Duration(r.options.Minutes) * time.Minute)
	short := r.options.Minutes == 0
	var injecting, sampling sync.WaitGroup
	ctx, end := context.WithCancel(ctx)
	defer sampling.Wait()
	defer end()
	sampling.Go(func() { r.trackMemory(ctx) })
	sampling.Go(func() { r.sampleIndex(ctx) })
	sampling.Go(func() { r.sampleSums(ctx) })
	sampling.Go(func() { r.sampleCharges(ctx) })
	sampling.Go(func() { r.govern(ctx) })
	sampling.Go(func() { r.samplePix(ctx) })
	sampling.Go(func() { r.repeatMessages(ctx) })
	for _, lane := range lanes {
		injecting.Go(func() {
			defer func() { r.frontEnded.CompareAndSwap(false, lane == frontLane) }()
			plan := newSchedule(lane, r.options.Seed, short)
			for ctx.Err() == nil {
				if short && plan.done() || !short && time.Now().After(until) {
					return
				}
				s := plan.next()
				if sleep(ctx, s.delay()) {
					r.runStep(ctx, s)
				}
			}
		})
	}
	injecting.Wait()
}

// runStep injects one fault and records its result.
func (r *run) runStep(ctx context.Context, s step) {
	if s.Lane == frontLane {
		r.frontMutex.Lock()
		defer r.frontMutex.Unlock()
	}
	began := time.Now()
	err := faults[s.Name](ctx, r, s)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.load.observed.report("I18", "%s %d, %s: %v", s.Lane, s.Number, s.Name, withoutLog(err))
	}
	r.journal.addStep(s, time.Since(r.began), time.Since(began))
	r.journal.printf("%6.1f s  %s  took %.1f s, %d answered", time.Since(r.began).Seconds(), s.String(), time.Since(began).Seconds(), r.load.history.acknowledged.Load())
}
