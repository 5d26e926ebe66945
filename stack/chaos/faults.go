package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/pipes"
)

// fault does something to the system, undoes it, and returns when what it touched
// works again. An error says that it does not.
type fault func(ctx context.Context, r *run, s step) error

// Names of faults.
const (
	killBank       = "a bank is killed"
	killBanks      = "both banks are killed"
	pointBank      = "a bank dies between two durable steps"
	pauseBank      = "a bank is frozen, and wakes"
	pointShop      = "the checkout dies between two durable steps"
	pointRelay     = "the relay dies between acknowledgement and delete"
	killDatabase   = "the database is killed"
	databaseAway   = "the database is killed and stays away"
	wireFault      = "a connection is faulty"
	tenfold        = "ten times the load"
	tenfoldOneCard = "ten times the load, on one card"

	killBroker    = "the broker is killed"
	brokerAway    = "the broker is away"
	registryAway  = "the registry is away"
	registryCold  = "the registry is away, and the banks start without it"
	killWorker    = "the worker of the sinks is killed"
	joinWorker    = "a second worker joins and leaves"
	killIndex     = "the index is killed and stays away"
	indexBusy     = "the index is busy"
	indexReadOnly = "the index is read-only"
	taskFails     = "a sink's task fails for good"
	poison        = "what is no event is on the topic"
	replay        = "both sinks read the topic from its beginning"
	oldAfterNew   = "old events are published again"
)

// faults are all that the schedule knows, by name.
var faults = map[string]fault{
	killBank: faultKillBank, killBanks: faultKillBanks, pointBank: faultPointBank, pauseBank: faultPauseBank,
	pointShop: faultPointShop, pointRelay: faultPointRelay, killDatabase: faultKillDatabase, databaseAway: faultDatabaseAway,
	wireFault: faultWire, tenfold: faultTenfold, tenfoldOneCard: faultTenfold,
	killBroker: faultKillBroker, brokerAway: faultBrokerAway, registryAway: faultRegistryAway, registryCold: faultRegistryCold,
	killWorker: faultKillWorker, joinWorker: faultSecondWorker, killIndex: faultKillIndex, indexBusy: faultIndexBusy, indexReadOnly: faultIndexReadOnly,
	taskFails: faultTaskFails, poison: faultPoison, replay: faultReplay, oldAfterNew: faultOldAfterNew,
}

// The faults of the front: what clients call, and what that rests on.
var frontBag = []entry{
	{"F1", killBank, 12, 14, 0, 2_000},
	{"F1", killBanks, 2, 2, 0, 1_000},
	{"F1", pointBank, 3, 4, 0, 0},
	{"F2", pauseBank, 1, 1, 6_000, 20_000},
	{"F3", pointShop, 2, 2, 0, 0},
	{"F4", pointRelay, 1, 1, 0, 0},
	{"F9", databaseAway, 1, 1, 2_000, 8_000},
	{"F11", killDatabase, 2, 3, 0, 0},
	{"F12", wireFault, 4, 5, 2_000, 8_000},
	{"F20", tenfold, 1, 0, 8_000, 60_000},
	{"F20", tenfoldOneCard, 1, 0, 4_000, 20_000},
}

// The faults of the pipes: what carries and stores the events.
var pipesBag = []entry{
	{"F5", killBroker, 1, 2, 0, 3_000},
	{"F6", brokerAway, 1, 1, 5_000, 40_000},
	{"F7", registryAway, 1, 1, 2_000, 10_000},
	{"F7", registryCold, 1, 1, 2_000, 5_000},
	{"F8", killWorker, 1, 3, 0, 3_000},
	{"F8", joinWorker, 1, 1, 0, 60_000},
	{"F8", taskFails, 1, 1, 0, 0},
	{"F10", killIndex, 1, 1, 1_000, 60_000},
	{"F10", indexBusy, 1, 1, 3_000, 15_000},
	{"F10", indexReadOnly, 1, 1, 3_000, 15_000},
	{"F16", poison, 1, 2, 0, 0},
	{"F18", replay, 1, 0, 0, 0},
	{"F19", oldAfterNew, 1, 2, 0, 0},
}

// bankUnder returns the bank that a step is about, which nobody else touches until
// it is released.
func (r *run) bankUnder(s step) (bank *server, release func()) {
	bank = r.system.banks[s.pick(len(r.system.banks))]
	bank.busy.Lock()
	return bank, bank.busy.Unlock
}

// banksUnder returns both banks.
func (r *run) banksUnder() (banks []*server, release func()) {
	for _, bank := range r.system.banks {
		bank.busy.Lock()
	}
	return r.system.banks, func() {
		for _, bank := range r.system.banks {
			bank.busy.Unlock()
		}
	}
}

// under returns another process that nobody else touches until it is released.
func (r *run) under(name string) (row *server, release func()) {
	row = r.system.rows[name]
	row.busy.Lock()
	return row, row.busy.Unlock
}

func (r *run) kill(row *server) {
	row.row.Kill()
	r.log.killed(row.row.Name())
}

// restartPatience bounds the wait for a process to do its work again. The index reads
// everything again that it had not yet written to its segments.
const restartPatience = 10 * time.Minute

// restart starts a process again and waits until it answers.
func restart(ctx context.Context, row *server) error {
	if err := row.row.Start(ctx); err != nil {
		return err
	}
	return pipes.Await(ctx, restartPatience, row.row.Ready)
}

func faultKillBank(ctx context.Context, r *run, s step) error {
	bank, release := r.bankUnder(s)
	defer release()
	r.kill(bank)
	rest(ctx, s.lasts())
	return r.revive(ctx, bank)
}

func faultKillBanks(ctx context.Context, r *run, s step) error {
	banks, release := r.banksUnder()
	defer release()
	for _, bank := range banks {
		r.kill(bank)
	}
	rest(ctx, s.lasts())
	return errors.Join(r.revive(ctx, banks[0]), r.revive(ctx, banks[1]))
}

// bankPoints are where a bank under load dies, with how often it passes there before.
var bankPoints = []string{
	"batch-locked:40", "batch-decided:40", "batch-committed:40", "lease-written:2", "relay-fetched:5", "relay-published:5",
	"relay-deleted:5", "token-stored:2",
}

func faultPointBank(ctx context.Context, r *run, s step) error {
	banks, release := r.banksUnder()
	defer release()
	return r.dieAt(ctx, banks, bankPoints[s.pick(len(bankPoints))])
}

func faultPointRelay(ctx context.Context, r *run, _ step) error {
	banks, release := r.banksUnder()
	defer release()
	return r.dieAt(ctx, banks, "relay-acknowledged:3")
}

// dieAt has the first bank die at a failpoint. The other is away meanwhile, so that
// the first one leads the relay.
func (r *run) dieAt(ctx context.Context, banks []*server, point string) error {
	for _, bank := range banks {
		r.kill(bank)
	}
	if err := r.arm(ctx, banks[0], point); err != nil {
		return err
	}
	return errors.Join(r.revive(ctx, banks[0]), r.revive(ctx, banks[1]))
}

// armPatience bounds the wait for a process to reach its failpoint under load.
const armPatience = 40 * time.Second

// arm starts a process with a failpoint and waits until it has died there.
func (r *run) arm(ctx context.Context, victim *server, point string) error {
	r.system.setFailpoint(victim.row.Name(), point)
	defer r.system.setFailpoint(victim.row.Name(), "")
	if err := victim.row.Start(ctx); err != nil {
		return err
	}
	err := pipes.Await(ctx, armPatience, func(context.Context) error {
		if victim.row.Running() {
			return fmt.Errorf("%s did not reach %s", victim.row.Name(), point)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		// What the other lane keeps away may keep the point away too: it dies all the same.
		victim.row.Kill()
		r.log.figure(point+": not reached in time, so killed where it was", 1)
		err = nil
	}
	r.log.killed(victim.row.Name())
	return err
}

func faultPauseBank(ctx context.Context, r *run, s step) error {
	bank, release := r.bankUnder(s)
	defer release()
	if err := freeze(bank); err != nil {
		return err
	}
	rest(ctx, s.lasts())
	if err := thaw(bank); err != nil {
		return err
	}
	return r.probe(ctx, bank)
}

// revive starts a bank and measures when it has decided its first purchase.
func (r *run) revive(ctx context.Context, bank *server) error {
	began := time.Now()
	if err := bank.row.Start(ctx); err != nil {
		return err
	}
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.log.recovered(bankBack, time.Since(began))
	return bank.row.WaitReady(ctx)
}

// recoveryPatience bounds the wait for something to work again; what takes longer
// than it may is judged, what takes longer than this is given up.
const recoveryPatience = 10 * time.Minute

// probe has one purchase decided by a bank, however often it has to be sent. A bank
// that ends by itself, for want of its ledger, is started again.
func (r *run) probe(ctx context.Context, bank *server) error {
	connection, err := dial(bank.grpc)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	purchases := bankv1.NewPurchaseServiceClient(connection)
	n := r.load.history.begin(operation{kind: purchase, account: r.load.wallet.first(wide).index, amount: 1})
	op := r.load.history.get(n)
	ctx, cancel := context.WithTimeout(ctx, recoveryPatience)
	defer cancel()
	for {
		once, end := context.WithTimeout(asCaller(ctx), time.Second)
		answer, err := purchases.AuthorizePurchase(once, r.load.purchaseRequest(n, op))
		end()
		if err == nil {
			r.load.decided(n, op, answer.GetPurchase())
			return nil
		}
		r.load.history.lose(n)
		if !rest(ctx, 20*time.Millisecond) {
			return err
		}
		if !bank.row.Running() {
			if err := bank.row.Start(ctx); err != nil {
				return err
			}
		}
	}
}

// percentile returns the value below which so many in a hundred are.
func percentile(all []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
