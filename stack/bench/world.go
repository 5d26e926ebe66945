package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
)

const (
	// cardsDatabase is a ledger with all cards and no purchase; others are copies of it.
	cardsDatabase = "bench_cards"
	// firstPort is the first port of the banks that are measured, from the base port.
	firstPort = 40
	// startTries is how often everything is started before it counts as failed: on a
	// machine that is busy with other things Java may not be ready in time.
	startTries = 3
	// stopTimeout bounds the orderly stop of everything.
	stopTimeout = time.Minute
)

// world is the system as the rows find it. It is made as it is needed: what a row
// does not need is not started.
type world struct {
	options  Options
	where    Place
	stack    *launch.Stack
	running  system
	settings []Setting
	cards    []card
	meter    *meter
	spent    []Spending
	banks    int
	// rate is what the row purchases has measured, in purchases a second.
	rate float64
	// published says that the ledger whose events are published was made.
	published bool
}

func newWorld(options Options, place Place) (*world, error) {
	stack, err := launch.Open(launch.Config{Dir: place.Dir, BasePort: place.BasePort, Out: place.Progress, LedgerFirst: true})
	if err != nil {
		return nil, err
	}
	return &world{options: options, where: place, stack: stack, meter: &meter{}}, stack.Wipe()
}

func (w *world) say(format string, args ...any) {
	_, _ = fmt.Fprintf(w.where.Progress, "%-14s %s\n", "bench", fmt.Sprintf(format, args...))
}

// measure measures one row; what goes wrong becomes part of the result.
func (w *world) measure(ctx context.Context, row row) Result {
	w.say("%s: %s", row.name, row.measures)
	w.spent = nil
	result := Result{Name: row.name, Measures: row.measures, Load: busy()}
	began := time.Now()
	err := w.bring(ctx, row.on)
	if err == nil {
		result.Figures, err = row.run(w, ctx)
	}
	if err == nil {
		err = judge(result.Figures, row.goals)
	}
	if err != nil {
		result.Error = err.Error()
		w.say("%s failed: %v", row.name, err)
	}
	for _, f := range result.Figures {
		w.say("%s %s %s", f.Name, spread(f.Values, f.Unit), f.verdict())
	}
	result.Spent = w.spent
	result.Seconds = time.Since(began).Seconds()
	result.Load += " → " + busy()
	return result
}

// bring starts what a row needs, if it does not run yet.
func (w *world) bring(ctx context.Context, wanted system) error {
	if wanted <= w.running {
		return nil
	}
	if err := w.end(ctx); err != nil {
		return err
	}
	names := []string{launch.Databases, launch.Programs, launch.Keys}
	if wanted == everything {
		names = append(names, launch.Apply)
	}
	err := w.stack.Start(ctx, names...)
	for tries := 1; err != nil && ctx.Err() == nil && tries < startTries; tries++ {
		w.say("starting again: %.200v", err)
		err = w.stack.Start(ctx, names...)
	}
	if err != nil {
		return err
	}
	w.running = wanted
	w.meter.postgres = w.stack.Process(launch.Postgres).Pid()
	if err := w.durable(ctx); err != nil || w.cards != nil {
		return err
	}
	return w.issueCards(ctx)
}

// end stops what runs.
func (w *world) end(ctx context.Context) error {
	if w.running == nothing {
		return nil
	}
	w.running = nothing
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return w.stack.Stop(stopping)
}

// durable makes sure that a commit means what it says, and notes the settings.
func (w *world) durable(ctx context.Context) error {
	w.settings = nil
	for _, name := range []string{
		"server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_level",
		"shared_buffers", "max_wal_size", "checkpoint_timeout", "autovacuum",
	} {
		var value string
		if err := w.query(ctx, "postgres", "SHOW "+name, &value); err != nil {
			return err
		}
		switch name {
		case "fsync", "synchronous_commit", "full_page_writes":
			if value != "on" {
				return fmt.Errorf("the database server has %s=%s: commits would not be durable", name, value)
			}
		}
		w.settings = append(w.settings, Setting{name, value})
	}
	return nil
}

// issueCards makes the ledger that all others are copies of.
func (w *world) issueCards(ctx context.Context) error {
	w.say("issuing %d cards", w.options.Cards)
	bank, err := w.startBank(ctx, cardsDatabase, nil)
	if err != nil {
		return err
	}
	w.cards, err = issue(ctx, bank.address, w.options.Cards)
	if err = errors.Join(err, bank.stop(ctx)); err != nil {
		w.cards = nil
		return err
	}
	return w.tidyUp(ctx, cardsDatabase)
}

// tidyUp leaves a database as a quiet hour would: vacuumed, analysed, on disk.
func (w *world) tidyUp(ctx context.Context, database string) error {
	return errors.Join(w.do(ctx, database, "VACUUM ANALYZE"), w.do(ctx, database, "CHECKPOINT"))
}

// bank is a running bank with a ledger of its own.
type bank struct {
	*client
	world    *world
	row      *process.Process
	address  string
	database string
}

// newBank starts a bank on a new copy of the ledger with all cards.
func (w *world) newBank(ctx context.Context, name string, settings map[string]string) (*bank, error) {
	if err := w.copyCards(ctx, "bench_"+name); err != nil {
		return nil, err
	}
	return w.startBank(ctx, "bench_"+name, settings)
}

func (w *world) copyCards(ctx context.Context, name string) error {
	if err := w.drop(ctx, name); err != nil {
		return err
	}
	copied := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + cardsDatabase
	return errors.Join(w.do(ctx, "postgres", copied), w.tidyUp(ctx, name))
}

// startBank starts a bank on a database, which is made if there is none. Unless the
// settings say otherwise it publishes nothing.
func (w *world) startBank(ctx context.Context, database string, settings map[string]string) (*bank, error) {
	if err := w.stack.CreateDatabase(ctx, database); err != nil {
		return nil, err
	}
	url, err := w.stack.DatabaseURL(ctx, database)
	if err != nil {
		return nil, err
	}
	all := map[string]string{"database-url": url, "relay": "false"}
	for name, value := range settings {
		all[name] = value
	}
	port := w.where.BasePort + firstPort + 2*(w.banks%20)
	w.banks++
	b := &bank{world: w, database: database, address: "127.0.0.1:" + strconv.Itoa(port)}
	b.row, err = w.stack.Replica(ctx, launch.Bank, launch.Copy{
		Name: "bank-" + strconv.Itoa(w.banks), GRPCPort: port, HTTPPort: port + 1, Settings: all,
	})
	if err != nil {
		if b.row != nil {
			err = errors.Join(err, w.stack.Remove(ctx, b.row))
		}
		return nil, err
	}
	if b.client, err = newClient(b.address, w.cards, max(w.options.Callers, openWorkers)); err != nil {
		return nil, errors.Join(err, w.stack.Remove(ctx, b.row))
	}
	b.client.bank = b.row.Pid()
	return b, nil
}

// stop stops the bank; its ledger stays.
func (b *bank) stop(ctx context.Context) error {
	b.close()
	return b.world.stack.Remove(context.WithoutCancel(ctx), b.row)
}

// end stops the bank and deletes its ledger.
func (b *bank) end(ctx context.Context) error {
	return errors.Join(b.stop(ctx), b.world.drop(context.WithoutCancel(ctx), b.database))
}

// term is a closed term of purchases at this bank.
func (b *bank) term(name string, callers int, do operation) term {
	t := closed(name, callers, do)
	t.unit, t.bank = "bank/s", b.client.bank
	return t
}

// connect opens a connection to a database of the stack; close it.
func (w *world) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	url, err := w.stack.DatabaseURL(ctx, database)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, url)
}

// do executes a statement on a connection of its own.
func (w *world) do(ctx context.Context, database, statement string) error {
	connection, err := w.connect(ctx, database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	if _, err := connection.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%.60s: %w", statement, err)
	}
	return nil
}

// query reads one row.
func (w *world) query(ctx context.Context, database, statement string, into ...any) error {
	connection, err := w.connect(ctx, database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	return connection.QueryRow(ctx, statement).Scan(into...)
}

func (w *world) drop(ctx context.Context, database string) error {
	return w.do(ctx, "postgres", "DROP DATABASE IF EXISTS "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
}
