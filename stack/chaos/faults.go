package chaos

import (
	"context"
	"slices"
	"time"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"codebank.dev/stack/launch"
)

// fault does something to the system, undoes it, and returns when what it touched
// works again. An error says that it does not.
type fault func(ctx context.Context, r *run, s step) error

// faults are all that the schedule knows, by name.
var faults = map[string]fault{
	killBank:   faultKillBank,
	killBroker: faultKillBroker,
}

// bankUnder returns the bank that a step is about, which nobody else touches until
// it is released.
func (r *run) bankUnder(s step) (bank *server, release func()) {
	bank = r.system.banks[s.pick(len(r.system.banks))]
	bank.busy.Lock()
	return bank, bank.busy.Unlock
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

// restart starts a process again and waits until it answers.
func restart(ctx context.Context, row *server) error {
	if err := row.row.Start(ctx); err != nil {
		return err
	}
	return row.row.WaitReady(ctx)
}

func faultKillBank(ctx context.Context, r *run, s step) error {
	bank, release := r.bankUnder(s)
	defer release()
	r.kill(bank)
	rest(ctx, s.lasts())
	return r.revive(ctx, bank)
}

// revive starts a bank and measures when it has decided its first purchase.
func (r *run) revive(ctx context.Context, bank *server) error {
	began := time.Now()
	if err := bank.row.Start(ctx); err != nil {
		return err
	}
	if err := r.probe(ctx, bank.grpc); err != nil {
		return err
	}
	r.log.recovered(bankBack, time.Since(began))
	return bank.row.WaitReady(ctx)
}

// recoveryPatience bounds the wait for something to work again; what takes longer
// than it may is judged, what takes longer than this is given up.
const recoveryPatience = 2 * time.Minute

// probe has one purchase decided at an address, however often it has to be sent.
func (r *run) probe(ctx context.Context, address string) error {
	connection, err := dial(address)
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
	}
}

func faultKillBroker(ctx context.Context, r *run, s step) error {
	broker, release := r.under(launch.Kafka)
	defer release()
	r.kill(broker)
	rest(ctx, s.lasts())
	return restart(ctx, broker)
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
