package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
)

// fault changes the system and undoes the change. It returns when the affected parts work
// again, and an error if they do not.
type fault func(ctx context.Context, r *run, s step) error

// Names of faults.
const (
	killBank          = "a bank is killed"
	killBanks         = "both banks are killed"
	failpointBank     = "a bank dies between two durable steps"
	freezeBank        = "a bank is frozen, and wakes"
	failpointCheckout = "the checkout dies between two durable steps"
	failpointRelay    = "the relay dies between acknowledgement and delete"
	killDatabase      = "the database is killed"
	databaseDown      = "the database is killed and stays down"
	connectionFault   = "a connection is faulty"
	killGateway       = "the gateway is killed"
	failpointGateway  = "the gateway dies between two durable steps"
	failpointCommands = "a bank dies between two durable steps of commands"
	killPayments      = "the payment gateway is killed"
	killProcessor     = "the payment processor is killed"
	failpointPayments = "the payment gateway dies between two durable steps"
	failpointDecision = "the payment processor dies between two durable steps"
	freezePayments    = "the payment gateway or its processor is frozen, and wakes"
	floodAll          = "ten times the load"
	floodOneCard      = "ten times the load, on one card"

	hubStopped       = "the hub between banks is away"
	hubAway          = "the hub between banks is away for ten minutes"
	killHub          = "the hub between banks is killed"
	otherBankStopped = "the other bank is away"
	otherBankAway    = "the other bank is away for ten minutes"
	killOtherBank    = "the other bank is killed"
	hubDatabaseDown  = "the hub between banks has no database"

	killBroker          = "the broker is killed"
	brokerDown          = "the broker is down"
	brokerAway          = "the broker is away for ten minutes"
	registryDown        = "the registry is down"
	registryDownAtStart = "the registry is down, and the banks start without it"
	killWorker          = "the worker of the sinks is killed"
	joinWorker          = "a second worker joins and leaves"
	killIndex           = "the index is killed and stays down"
	indexBusy           = "the index is busy"
	indexReadOnly       = "the index is read-only"
	taskFails           = "a sink's task fails for good"
	poison              = "a record that is not an event is on the topic"
	replay              = "both sinks read the topic from its beginning"
	republishOld        = "old events are published again"
)

// faults are all faults of the schedule, by name.
var faults = map[string]fault{
	killBank: faultKillBank, killBanks: faultKillBanks, failpointBank: faultFailpointBank, freezeBank: faultFreezeBank,
	failpointCheckout: faultFailpointCheckout, failpointRelay: faultFailpointRelay, killDatabase: faultKillDatabase, databaseDown: faultDatabaseDown,
	killGateway: faultKill(launch.Gateway), failpointGateway: faultFailpointGateway, failpointCommands: faultFailpointCommands,
	killPayments: faultKill(launch.PaymentGateway), killProcessor: faultKill(launch.Processor), freezePayments: faultFreezePayments,
	failpointPayments: faultFailpointPayments(launch.PaymentGateway), failpointDecision: faultFailpointPayments(launch.Processor),
	connectionFault: faultConnection, floodAll: faultFlood, floodOneCard: faultFlood,
	hubStopped: faultAway(launch.CodePix), hubAway: faultAway(launch.CodePix), killHub: faultKill(launch.CodePix),
	otherBankStopped: faultAway(launch.SecondBank().Bank), otherBankAway: faultAway(launch.SecondBank().Bank), killOtherBank: faultKill(launch.SecondBank().Bank),
	hubDatabaseDown: faultHubDatabaseDown,
	killBroker:      faultKill(launch.Kafka), brokerDown: faultBrokerDown, brokerAway: faultBrokerAway, registryDown: faultRegistryDown, registryDownAtStart: faultRegistryDownAtStart,
	killWorker: faultKillWorker, joinWorker: faultSecondWorker, killIndex: faultKill(launch.Elasticsearch), indexBusy: faultIndexBusy, indexReadOnly: faultIndexReadOnly,
	taskFails: faultTaskFails, poison: faultPoison, replay: faultReplay, republishOld: faultRepublishOld,
}

// frontBag holds the faults of the front: the services that clients call, and what these
// services need.
var frontBag = []bagItem{
	{"F1", killBank, 8, 14, 0, 2_000},
	{"F1", killBanks, 2, 2, 0, 1_000},
	{"F1", failpointBank, 3, 4, 0, 0},
	{"F2", freezeBank, 1, 1, 6_000, 20_000},
	{"F3", failpointCheckout, 2, 2, 0, 0},
	{"F4", failpointRelay, 1, 1, 0, 0},
	{"F9", databaseDown, 1, 1, 2_000, 8_000},
	{"F11", killDatabase, 2, 3, 0, 0},
	{"F12", connectionFault, 4, 5, 2_000, 8_000},
	{"F21", killGateway, 2, 3, 0, 2_000},
	{"F21", failpointGateway, 3, 4, 0, 0},
	{"F21", failpointCommands, 1, 2, 0, 0},
	{"F22", killPayments, 1, 2, 0, 2_000},
	{"F22", killProcessor, 1, 2, 0, 2_000},
	{"F22", failpointPayments, 2, 3, 0, 0},
	{"F22", failpointDecision, 1, 2, 0, 0},
	{"F22", freezePayments, 1, 1, 3_000, 20_000},
	{"F20", floodAll, 1, 0, 8_000, 60_000},
	{"F20", floodOneCard, 1, 0, 4_000, 20_000},
}

// pipesBag holds the faults of the pipes: the parts that carry and store the events.
var pipesBag = []bagItem{
	{"F5", killBroker, 1, 2, 0, 3_000},
	{"F6", brokerDown, 1, 1, 5_000, 40_000},
	{"F7", registryDown, 1, 1, 2_000, 10_000},
	{"F7", registryDownAtStart, 1, 1, 2_000, 5_000},
	{"F8", killWorker, 1, 3, 0, 3_000},
	{"F8", joinWorker, 1, 1, 0, 60_000},
	{"F8", taskFails, 1, 1, 0, 0},
	{"F10", killIndex, 1, 1, 1_000, 60_000},
	{"F10", indexBusy, 1, 1, 3_000, 15_000},
	{"F10", indexReadOnly, 1, 1, 3_000, 15_000},
	{"F16", poison, 1, 2, 0, 0},
	{"F18", replay, 1, 0, 0, 0},
	{"F19", republishOld, 1, 2, 0, 0},
}

// longRunFaults are the faults that only a long run has, once, by lane. They come first, so that every run has them,
// however slow the machine is, and has time for what they leave behind.
var longRunFaults = map[string][]bagItem{
	pipesLane: {{"F6", brokerAway, 1, 0, 600_000, 600_000}},
	pixLane:   {{"F23", hubAway, 1, 0, 600_000, 600_000}, {"F23", otherBankAway, 1, 0, 600_000, 600_000}},
}

// lockBank returns the bank that a step affects and locks it. No other fault touches it until
// it is released.
func (r *run) lockBank(s step) (bank *server, release func()) {
	bank = r.system.banks[s.pick(len(r.system.banks))]
	bank.mutex.Lock()
	return bank, bank.mutex.Unlock
}

// lockBanks locks both banks.
func (r *run) lockBanks() (banks []*server, release func()) {
	for _, bank := range r.system.banks {
		bank.mutex.Lock()
	}
	return r.system.banks, func() {
		for _, bank := range r.system.banks {
			bank.mutex.Unlock()
		}
	}
}

// lockServer locks another process. No other fault touches it until it is released.
func (r *run) lockServer(name string) (row *server, release func()) {
	row = r.system.servers[name]
	row.mutex.Lock()
	return row, row.mutex.Unlock
}

func (r *run) kill(row *server) {
	row.process.Kill()
	r.journal.addKill(row.process.Name())
}

// restartTimeout bounds the wait for a restarted process. Elasticsearch takes long, because it
// replays everything that it had not yet written to its segments.
const restartTimeout = 10 * time.Minute

// restart starts a process again and waits until it answers.
func restart(ctx context.Context, row *server) error {
	if err := row.process.Start(ctx); err != nil {
		return err
	}
	return pipes.Await(ctx, restartTimeout, row.process.Ready)
}

func faultKillBank(ctx context.Context, r *run, s step) error {
	bank, release := r.lockBank(s)
	defer release()
	r.kill(bank)
	sleep(ctx, s.duration())
	return r.restartBank(ctx, bank)
}

func faultKillBanks(ctx context.Context, r *run, s step) error {
	banks, release := r.lockBanks()
	defer release()
	for _, bank := range banks {
		r.kill(bank)
	}
	sleep(ctx, s.duration())
	return errors.Join(r.restartBank(ctx, banks[0]), r.restartBank(ctx, banks[1]))
}

// bankFailpoints are the failpoints at which a bank dies under load. The number says at which
// pass it dies.
var bankFailpoints = []string{
	"batch-locked:5", "batch-decided:40", "batch-committed:40", "lease-written:2", "relay-fetched:5", "relay-published:5",
	"relay-deleted:5", "tokens-swept", "command-results-published:2", "command-offset-stored:2",
}

// commandFailpoints are those of them that commands pass. A short run draws only a few of all.
var commandFailpoints = bankFailpoints[len(bankFailpoints)-2:]

func faultFailpointBank(ctx context.Context, r *run, s step) error {
	banks, release := r.lockBanks()
	defer release()
	return r.killAt(ctx, banks, bankFailpoints[s.pick(len(bankFailpoints))])
}

func faultFailpointCommands(ctx context.Context, r *run, s step) error {
	banks, release := r.lockBanks()
	defer release()
	return r.killAt(ctx, banks, commandFailpoints[s.pick(len(commandFailpoints))])
}

func faultFailpointRelay(ctx context.Context, r *run, _ step) error {
	banks, release := r.lockBanks()
	defer release()
	return r.killAt(ctx, banks, "relay-acknowledged:3")
}

// killAt makes the first bank die at a failpoint. The other bank is down meanwhile, so that the
// first one leads the relay.
func (r *run) killAt(ctx context.Context, banks []*server, point string) error {
	for _, bank := range banks {
		r.kill(bank)
	}
	if err := r.runToFailpoint(ctx, banks[0], point); err != nil {
		return err
	}
	return errors.Join(r.restartBank(ctx, banks[0]), r.restartBank(ctx, banks[1]))
}

// failpointTimeout bounds the wait until a process under load reaches its failpoint. It is short while the broker is
// away for long, because then half of the points cannot be reached.
const failpointTimeout, failpointTimeoutWithoutBroker = 40 * time.Second, 10 * time.Second

// runToFailpoint starts a process with a failpoint and waits until it has died there.
func (r *run) runToFailpoint(ctx context.Context, victim *server, point string) error {
	r.system.setFailpoint(victim.process.Name(), point)
	defer r.system.setFailpoint(victim.process.Name(), "")
	if err := victim.process.Start(ctx); err != nil {
		return err
	}
	timeout := failpointTimeout
	if r.brokerAway.Load() {
		timeout = failpointTimeoutWithoutBroker
	}
	err := pipes.Await(ctx, timeout, func(context.Context) error {
		if victim.process.Running() {
			return fmt.Errorf("%s did not reach %s", victim.process.Name(), point)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		// A fault of the other lane may keep the process from its failpoint. It is killed all
		// the same.
		victim.process.Kill()
		r.journal.setFigure(point+": not reached in time, so killed where it was", 1)
		err = nil
	}
	r.journal.addKill(victim.process.Name())
	return err
}

func faultFreezeBank(ctx context.Context, r *run, s step) error {
	bank, release := r.lockBank(s)
	defer release()
	if err := freeze(bank); err != nil {
		return err
	}
	sleep(ctx, s.duration())
	if err := thaw(bank); err != nil {
		return err
	}
	return r.probe(ctx, bank)
}

// restartBank starts a bank and measures the time to its first decided purchase.
func (r *run) restartBank(ctx context.Context, bank *server) error {
	began := time.Now()
	if err := bank.process.Start(ctx); err != nil {
		return err
	}
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.journal.addRecovery(bankAnswers, time.Since(began))
	return bank.process.WaitReady(ctx)
}

// recoveryTimeout bounds the wait for a part to work again. A recovery over its own limit is a
// finding; after recoveryTimeout the fault fails.
const recoveryTimeout = 10 * time.Minute

// probe sends one purchase to a bank until it is decided. It starts the bank again if the bank
// has exited because its ledger was down.
func (r *run) probe(ctx context.Context, bank *server) error {
	connection, err := r.system.dial(launch.Bank, bank.grpc, caller)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	purchases := bankv1.NewPurchaseServiceClient(connection)
	n := r.load.history.begin(operation{kind: purchase, account: r.load.cards.firstOf(highLimit).index, amount: 1})
	op := r.load.history.get(n)
	ctx, cancel := context.WithTimeout(ctx, recoveryTimeout)
	defer cancel()
	for {
		once, end := context.WithTimeout(ctx, time.Second)
		answer, err := purchases.AuthorizePurchase(once, r.load.purchaseRequest(n, op))
		end()
		if err == nil {
			r.load.checkAnswer(n, op, answer.GetPurchase())
			return nil
		}
		r.load.history.markUnknown(n)
		if !sleep(ctx, 20*time.Millisecond) {
			return err
		}
		if !bank.process.Running() {
			if err := bank.process.Start(ctx); err != nil {
				return err
			}
		}
	}
}

// percentile returns the value below which the given percentage of the values lies.
func percentile(all []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}
