// Package chaos runs the real stack under a seeded load while faults are injected
// at random, and then judges, one by one, everything that was promised.
//
// Clients keep a history of what they asked for and heard; what they do not know is
// asked again when the last fault is healed. Then the history is held against the
// ledger, and the ledger, event by event, against all that was made of it.
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
	"codebank.dev/stack/chaos/linear"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// Options say what to run.
type Options struct {
	// Seed decides the schedule of faults and what the clients do.
	Seed uint64
	// Minutes is how long faults are injected; 0 is one short round of every fault.
	Minutes int
	// Rate is how many operations a second the clients begin at most; 0 is [DefaultRate],
	// or half of it in a short run.
	Rate int
	// Stack is where to run. What is in its folder is wiped first.
	Stack launch.Config
	// Pictures is the folder for the picture of a history that is not linearizable.
	Pictures string
	// Untimed has times measured and told, and not judged: on a machine that does other
	// work they say more about that.
	Untimed bool
	// Out is told what happens, in a line each.
	Out io.Writer
}

// DefaultRate leaves two processors room for the pipes to keep up.
const DefaultRate = 3_000

// run is one run of the harness.
type run struct {
	options Options
	system  *system
	load    *load
	sinks   *sinks
	log     *journal
	// calm is held by every fault of the front, and by what measures without them.
	calm sync.Mutex
	// absences are what became of purchases without the broker, spans when poison was on
	// the topic.
	absences []absence
	spans    []span
	// glimpses are what the index said of itself under load.
	glimpses glimpses
	// normal is the most memory that a bank had before the first flood, in kB.
	normal  atomic.Int64
	flooded atomic.Bool
	began   time.Time
}

// Run starts a stack, loads it, injects faults, heals it and judges it. The verdict
// says whether anything was violated; an error is of a run that could not be judged.
func Run(ctx context.Context, options Options) (*Verdict, error) {
	if options.Rate == 0 {
		options.Rate = options.rate()
	}
	r := &run{options: options, log: newJournal(options.Out)}
	var err error
	if r.system, err = newSystem(options.Stack); err != nil {
		return nil, err
	}
	if err := r.system.stack.Wipe(); err != nil {
		return nil, err
	}
	r.announce()
	if err := r.system.start(ctx); err != nil {
		return nil, errors.Join(err, r.system.stop(ctx))
	}
	verdict, err := r.play(ctx)
	return verdict, errors.Join(err, r.system.stop(ctx))
}

// rate is what the clients begin when nothing else was asked for.
func (o *Options) rate() int {
	if o.Minutes == 0 {
		return DefaultRate / 2
	}
	return DefaultRate
}

// announce prints the first round of the schedule; the others follow from the seed
// as this one does.
func (r *run) announce() {
	r.log.say("seed %d; the schedule again: %s", r.options.Seed, r.options.Command())
	for _, lane := range []string{frontLane, pipesLane} {
		for plan := newSchedule(lane, r.options.Seed, r.options.Minutes == 0); !plan.done(); {
			s := plan.next()
			r.log.say("  %s", s.String())
		}
	}
}

// Command is what repeats the schedule of a run.
func (o *Options) Command() string {
	command := fmt.Sprintf("go run ./stack chaos --seed %d --minutes %d", o.Seed, o.Minutes)
	if o.Rate != o.rate() && o.Rate != 0 {
		command += fmt.Sprintf(" --rate %d", o.Rate)
	}
	return command
}

// connections is how many the load has to each bank.
const connections = 3

func (r *run) play(ctx context.Context) (*Verdict, error) {
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
	r.load = &load{seed: r.options.Seed, clients: clients, seen: newObservations()}
	r.load.watched = watched{began: time.Now(), opened: make(map[int]linear.Account)}
	r.load.pace.set(r.options.Rate)
	r.load.watched.pace.set(watchedRate(r.options.Minutes))
	if err := r.load.stock(ctx, [holdings]int{wide: 1000, tight: 300, blocked: 10, small: 10, large: 10, rare: 10}); err != nil {
		return nil, err
	}
	r.load.start(ctx, workers{unary: 24, bulk: 4, watch: 4 * watchers, orders: 3, readers: 2})
	r.began = time.Now()
	r.inject(ctx)
	r.log.say("faults end; %d operations are answered", r.load.history.acknowledged.Load())
	if err := r.system.heal(ctx); err != nil {
		return nil, err
	}
	healed := time.Now()
	if err := pipes.Await(ctx, recoveryPatience, r.sinks.run); err != nil {
		r.load.seen.report("I18", "after the last fault, with nobody's hand: %v", err)
	}
	r.log.figure("milliseconds until all tasks ran after the last fault", time.Since(healed).Milliseconds())
	r.load.stop()
	r.log.faultsEnded(time.Since(r.began))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return r.judge(ctx)
}

// brief leaves the end of a log out of an error: it names this machine's folders.
func brief(err error) error {
	var failure *process.Failure
	if errors.As(err, &failure) {
		return fmt.Errorf("%s: %w", failure.Name, failure.Err)
	}
	return err
}

// inject runs both lanes until the time is over, or in a short run one round of each.
func (r *run) inject(ctx context.Context) {
	until := r.began.Add(time.Duration(r.options.Minutes) * time.Minute)
	short := r.options.Minutes == 0
	var lanes, watching sync.WaitGroup
	ctx, end := context.WithCancel(ctx)
	defer watching.Wait()
	defer end()
	watching.Go(func() { r.watchMemory(ctx) })
	watching.Go(func() { r.watchIndex(ctx) })
	for _, lane := range []string{frontLane, pipesLane} {
		lanes.Go(func() {
			plan := newSchedule(lane, r.options.Seed, short)
			for ctx.Err() == nil {
				if short && plan.done() || !short && time.Now().After(until) {
					return
				}
				s := plan.next()
				if rest(ctx, s.after()) {
					r.perform(ctx, s)
				}
			}
		})
	}
	lanes.Wait()
}

// perform injects one fault and takes down how it went.
func (r *run) perform(ctx context.Context, s step) {
	if s.Lane == frontLane {
		r.calm.Lock()
		defer r.calm.Unlock()
	}
	began := time.Now()
	err := faults[s.Name](ctx, r, s)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.load.seen.report("I18", "%s %d, %s: %v", s.Lane, s.Number, s.Name, brief(err))
	}
	r.log.performed(s, time.Since(r.began), time.Since(began))
	r.log.say("%6.1f s  %s  took %.1f s, %d answered", time.Since(r.began).Seconds(), s.String(), time.Since(began).Seconds(), r.load.history.acknowledged.Load())
}
