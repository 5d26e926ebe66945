package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"codebank.dev/stack/chaos/wire"
	"codebank.dev/stack/launch"
)

func freeze(row *server) error { return row.process.Signal(syscall.SIGSTOP) }
func thaw(row *server) error   { return row.process.Signal(syscall.SIGCONT) }

// checkoutFailpoints are the failpoints at which the checkout dies under load.
var checkoutFailpoints = []string{"after-bank-answer", "before-bank-call", "after-token", "order-stored:3", "order-changed:3"}

// faultFailpointCheckout kills the checkout at a failpoint, most often between the bank's
// answer and its own. The shoppers send the same order again.
func faultFailpointCheckout(ctx context.Context, r *run, s step) error {
	checkout, release := r.lockServer(launch.Checkout)
	defer release()
	if err := checkout.process.Stop(ctx); err != nil {
		return err
	}
	point := checkoutFailpoints[s.pick(len(checkoutFailpoints))]
	if s.Number%2 == 0 {
		point = checkoutFailpoints[0]
	}
	return errors.Join(r.runToFailpoint(ctx, checkout, point), restart(ctx, checkout))
}

// gatewayFailpoints are the failpoints at which the gateway dies under load. The point commands-released lies only
// on the way of commands that could not be sent; the gateway's own tests have it.
var gatewayFailpoints = []string{
	"transfer-accepted:3", "transfers-ended:2", "commands-claimed:2", "results-passed:2", "outbox-rows-published:2", "cancel-decided", "commands-sent:2",
}

// faultFailpointGateway kills the gateway at one of its failpoints after the other. The customers ask for the same
// transfers again.
func faultFailpointGateway(ctx context.Context, r *run, _ step) error {
	gateway, release := r.lockServer(launch.Gateway)
	defer release()
	if err := gateway.process.Stop(ctx); err != nil {
		return err
	}
	point := gatewayFailpoints[(r.options.Seed+r.gatewayFailpoints)%uint64(len(gatewayFailpoints))]
	r.gatewayFailpoints++
	return errors.Join(r.runToFailpoint(ctx, gateway, point), restart(ctx, gateway))
}

// faultKillDatabase kills the server that holds ledger, orders and statement.
func faultKillDatabase(ctx context.Context, r *run, s step) error {
	database, release := r.lockServer(launch.Postgres)
	defer release()
	began := time.Now()
	r.kill(database)
	if err := database.process.Start(ctx); err != nil {
		return err
	}
	bank, free := r.lockBank(s)
	defer free()
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.journal.addRecovery(databaseAnswers, time.Since(began))
	return database.process.WaitReady(ctx)
}

// faultDatabaseDown kills that server and keeps it down. Meanwhile requests for statements must
// be refused with the time after which to try again.
func faultDatabaseDown(ctx context.Context, r *run, s step) error {
	database, release := r.lockServer(launch.Postgres)
	defer release()
	r.kill(database)
	asked := r.checkStatementUnavailable(ctx, s.duration())
	began := time.Now()
	if err := database.process.Start(ctx); err != nil {
		return err
	}
	bank, free := r.lockBank(s)
	defer free()
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.journal.addRecovery(databaseAnswers, time.Since(began))
	return errors.Join(asked, database.process.WaitReady(ctx))
}

// checkStatementUnavailable requests a statement while its database is down. Each answer must
// be 503 with the header Retry-After.
func (r *run) checkStatementUnavailable(ctx context.Context, outage time.Duration) error {
	url := launch.URL(r.system.stack.Addresses().StatementHTTP()) + "/v1/" + r.load.cards.firstOf(highLimit).account + "/statement"
	until, refused := time.Now().Add(outage), int64(0)
	client, err := r.system.stack.HTTPClient(launch.Operator)
	if err != nil {
		return err
	}
	client.Timeout = 10 * time.Second
	for time.Now().Before(until) && sleep(ctx, 100*time.Millisecond) {
		answer, err := client.Get(url)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			return fmt.Errorf("the statement service answers %s, Retry-After %q while its database is down", answer.Status, answer.Header.Get("Retry-After"))
		}
		refused++
	}
	r.journal.addFigure("statements refused with 503 and Retry-After", refused)
	return nil
}

// connectionFaults are the faults that a connection can have.
var connectionFaults = []struct {
	name      string
	condition wire.Condition
	reset     bool
}{
	{"black hole", wire.Condition{HoldUpstream: true, HoldDownstream: true}, false},
	{"reset, and refused", wire.Condition{Refuse: true}, true},
	{"300 ms and jitter", wire.Condition{Delay: 300 * time.Millisecond, Jitter: 200 * time.Millisecond}, false},
	{"1 kB a second", wire.Condition{BytesPerSecond: 1_000}, false},
	{"sliced", wire.Condition{Slice: 7, Delay: time.Microsecond}, false},
	{"requests do not arrive", wire.Condition{HoldUpstream: true}, false},
	{"answers do not arrive", wire.Condition{HoldDownstream: true}, false},
}

// faultConnection puts a fault into one connection between two parts.
func faultConnection(ctx context.Context, r *run, s step) error {
	links := []string{
		clientsTo + bankNames[0], clientsTo + bankNames[1], bankNames[0] + toLedger, bankNames[1] + toLedger,
		checkoutToBank, statementToDatabase, sinkToDatabase, gatewayToBank, gatewayToDatabase,
		paymentsToDatabase, processorToDatabase, processorToBank,
	}
	where := links[s.pick(len(links))]
	how := connectionFaults[(s.Draw/64)%uint64(len(connectionFaults))]
	link := r.system.links[where]
	if link == nil {
		return fmt.Errorf("there is no link %s", where)
	}
	r.journal.addFigure("wire: "+where+", "+how.name, 1)
	link.Set(how.condition)
	if how.reset {
		link.Reset()
	}
	sleep(ctx, s.duration())
	link.Set(wire.Condition{})
	// Data that was held back arrives now. A client dials again if its connection was cut.
	for i, bank := range r.system.banks {
		if strings.Contains(where, bankNames[i]) {
			if err := r.probe(ctx, bank); err != nil {
				return err
			}
		}
	}
	return nil
}
