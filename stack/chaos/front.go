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

func freeze(row *server) error { return row.row.Signal(syscall.SIGSTOP) }
func thaw(row *server) error   { return row.row.Signal(syscall.SIGCONT) }

// shopPoints are where the checkout dies under load.
var shopPoints = []string{"after-bank-answer", "before-bank-call", "after-token", "order-stored:3", "order-changed:3"}

// faultPointShop kills the checkout between the bank's answer and its own, among
// others: the shoppers send the same order again.
func faultPointShop(ctx context.Context, r *run, s step) error {
	shop, release := r.under(launch.Checkout)
	defer release()
	if err := shop.row.Stop(ctx); err != nil {
		return err
	}
	point := shopPoints[s.pick(len(shopPoints))]
	if s.Number%2 == 0 {
		point = shopPoints[0]
	}
	return errors.Join(r.arm(ctx, shop, point), restart(ctx, shop))
}

// faultKillDatabase kills the server that holds ledger, orders and statement.
func faultKillDatabase(ctx context.Context, r *run, s step) error {
	database, release := r.under(launch.Postgres)
	defer release()
	began := time.Now()
	r.kill(database)
	if err := database.row.Start(ctx); err != nil {
		return err
	}
	bank, free := r.bankUnder(s)
	defer free()
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.log.recovered(databaseBack, time.Since(began))
	return database.row.WaitReady(ctx)
}

// faultDatabaseAway keeps it away: statements are refused with the time to come back.
func faultDatabaseAway(ctx context.Context, r *run, s step) error {
	database, release := r.under(launch.Postgres)
	defer release()
	r.kill(database)
	asked := r.refusedForNow(ctx, s.lasts())
	began := time.Now()
	if err := database.row.Start(ctx); err != nil {
		return err
	}
	bank, free := r.bankUnder(s)
	defer free()
	if err := r.probe(ctx, bank); err != nil {
		return err
	}
	r.log.recovered(databaseBack, time.Since(began))
	return errors.Join(asked, database.row.WaitReady(ctx))
}

// refusedForNow asks for a statement for as long as its database is away. Each answer
// must be 503, with the time after which to ask again.
func (r *run) refusedForNow(ctx context.Context, away time.Duration) error {
	url := "http://" + r.system.stack.Addresses().StatementHTTP() + "/v1/" + r.load.wallet.first(wide).account + "/statement"
	until, refused := time.Now().Add(away), int64(0)
	client := http.Client{Timeout: 10 * time.Second}
	for time.Now().Before(until) && rest(ctx, 100*time.Millisecond) {
		answer, err := client.Get(url)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			return fmt.Errorf("with its database away the statement answers %s, Retry-After %q", answer.Status, answer.Header.Get("Retry-After"))
		}
		refused++
	}
	r.log.addFigure("statements refused with 503 and Retry-After", refused)
	return nil
}

// wireFaults are what can be wrong with a connection.
var wireFaults = []struct {
	name      string
	condition wire.Condition
	reset     bool
}{
	{"black hole", wire.Condition{HoldUp: true, HoldDown: true}, false},
	{"reset, and refused", wire.Condition{Refuse: true}, true},
	{"300 ms and jitter", wire.Condition{Delay: 300 * time.Millisecond, Jitter: 200 * time.Millisecond}, false},
	{"1 kB a second", wire.Condition{BytesPerSecond: 1_000}, false},
	{"sliced", wire.Condition{Slice: 7, Delay: time.Microsecond}, false},
	{"requests do not arrive", wire.Condition{HoldUp: true}, false},
	{"answers do not arrive", wire.Condition{HoldDown: true}, false},
}

// faultWire puts a fault into one connection between two parts.
func faultWire(ctx context.Context, r *run, s step) error {
	links := []string{
		clientsTo + bankNames[0], clientsTo + bankNames[1], bankNames[0] + toLedger, bankNames[1] + toLedger,
		shopToBank, readerToData, sinkToData,
	}
	where := links[s.pick(len(links))]
	how := wireFaults[(s.Draw/64)%uint64(len(wireFaults))]
	link := r.system.links[where]
	if link == nil {
		return fmt.Errorf("there is no link %s", where)
	}
	r.log.addFigure("wire: "+where+", "+how.name, 1)
	link.Set(how.condition)
	if how.reset {
		link.Reset()
	}
	rest(ctx, s.lasts())
	link.Set(wire.Condition{})
	// What hung in the wire arrives now; what was cut is dialled again.
	for i, bank := range r.system.banks {
		if strings.Contains(where, bankNames[i]) {
			if err := r.probe(ctx, bank); err != nil {
				return err
			}
		}
	}
	return nil
}
