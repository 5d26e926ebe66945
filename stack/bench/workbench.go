package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
)

const (
	// cardsDatabase is a ledger with all cards and no purchase. The other ledgers are copies of
	// it.
	cardsDatabase = "bench_cards"
	// firstPort is the first port of the measured banks, counted from the base port.
	firstPort = 40
	// startTries is how often the start of the system is tried. On a busy machine the Java
	// programs may not be ready in time.
	startTries = 3
	// stopTimeout bounds the orderly stop of everything.
	stopTimeout = time.Minute
)

// workbench is the system that the rows measure. It starts only the parts that a row needs.
type workbench struct {
	options        Options
	location       Place
	stack          *launch.Stack
	running        system
	settings       []Setting
	cards          []card
	meter          *meter
	processorTimes []TermTime
	banks          int
	// rate is the median of the row purchases, in purchases a second; 0 if it was not measured.
	rate float64
	// published says that the ledger whose events are published exists.
	published bool
	// other is the build to compare with, once it has issued its cards.
	other *build
}

func newWorkbench(options Options, place Place) (*workbench, error) {
	stack, err := launch.Open(launch.Config{Dir: place.Dir, BasePort: place.BasePort, Out: place.Progress, LedgerFirst: true})
	if err != nil {
		return nil, err
	}
	return &workbench{options: options, location: place, stack: stack, meter: &meter{}}, stack.Wipe()
}

func (w *workbench) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(w.location.Progress, "%-14s %s\n", "bench", fmt.Sprintf(format, args...))
}

// measure measures one row. An error becomes part of the result.
func (w *workbench) measure(ctx context.Context, row row) Result {
	w.printf("%s: %s", row.name, row.description)
	w.processorTimes = nil
	result := Result{Name: row.name, Measures: row.description, Load: loadAverage()}
	began := time.Now()
	err := w.startSystem(ctx, row.needs)
	if err == nil {
		result.Figures, err = row.run(w, ctx)
	}
	if err == nil {
		err = applyGoals(result.Figures, row.goals)
	}
	if err != nil {
		result.Error = err.Error()
		w.printf("%s failed: %v", row.name, err)
	}
	for _, f := range result.Figures {
		w.printf("%s %s %s", f.Name, formatValues(f.Values, f.Unit), f.goalText())
	}
	result.ProcessorTimes = w.processorTimes
	result.Seconds = time.Since(began).Seconds()
	result.Load += " → " + loadAverage()
	return result
}

// startSystem starts the parts that a row needs unless they run already.
func (w *workbench) startSystem(ctx context.Context, wanted system) error {
	if wanted <= w.running {
		return nil
	}
	if err := w.stop(ctx); err != nil {
		return err
	}
	names := []string{launch.Databases, launch.Programs, launch.Keys, launch.Identity}
	switch wanted {
	case withBroker:
		names = append(names, launch.Migrations, launch.Certificates, launch.Mail, launch.Kafka, launch.Registry)
	case wholeSystem:
		names = append(names, launch.Apply)
	}
	err := w.stack.Start(ctx, names...)
	for tries := 1; err != nil && ctx.Err() == nil && tries < startTries; tries++ {
		w.printf("starting again: %.200v", err)
		err = w.stack.Start(ctx, names...)
	}
	if err != nil {
		return err
	}
	w.running = wanted
	if wanted == withBroker {
		if err := w.declare(ctx); err != nil {
			return err
		}
	}
	w.meter.postgres = w.stack.Process(launch.Postgres).Pid()
	if err := w.checkDurability(ctx); err != nil || w.cards != nil {
		return err
	}
	w.cards, err = w.issueCards(ctx, bankStart{database: cardsDatabase})
	return err
}

// declare makes topics and schemas, which the whole system has by launch.Apply.
func (w *workbench) declare(ctx context.Context) error {
	for _, bank := range launch.Banks() {
		for _, what := range []string{"topics", "schemas"} {
			if err := w.stack.BankctlOf(ctx, bank, io.Discard, "apply", what); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop stops the running parts.
func (w *workbench) stop(ctx context.Context) error {
	if w.running == noSystem {
		return nil
	}
	w.running = noSystem
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return w.stack.Stop(stopping)
}

// checkDurability returns an error unless commits are durable. It records the settings of the
// server.
func (w *workbench) checkDurability(ctx context.Context) error {
	w.settings = nil
	for _, name := range []string{
		"server_version", "fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_level",
		"wal_compression", "shared_buffers", "max_wal_size", "checkpoint_timeout", "autovacuum",
	} {
		var value string
		if err := w.queryRow(ctx, "postgres", "SHOW "+name, &value); err != nil {
			return err
		}
		switch name {
		case "fsync", "synchronous_commit", "full_page_writes":
			if value != "on" {
				return fmt.Errorf("the database server has %s=%s, so commits are not durable", name, value)
			}
		}
		w.settings = append(w.settings, Setting{name, value})
	}
	return nil
}

// issueCards makes a ledger with all cards, which others are copied from.
func (w *workbench) issueCards(ctx context.Context, start bankStart) ([]card, error) {
	w.printf("issuing %d cards", w.options.Cards)
	bank, err := w.start(ctx, start)
	if err != nil {
		return nil, err
	}
	cards, err := issueCards(ctx, bank.dial, w.options.Cards)
	if err = errors.Join(err, bank.stop(ctx)); err != nil {
		return nil, err
	}
	return cards, w.vacuum(ctx, start.database)
}

// vacuum vacuums and analyses a database and makes a checkpoint.
func (w *workbench) vacuum(ctx context.Context, database string) error {
	return errors.Join(w.exec(ctx, database, "VACUUM ANALYZE"), w.exec(ctx, database, "CHECKPOINT"))
}

// bank is a running bank with a ledger of its own.
type bank struct {
	*client
	workbench *workbench
	process   *process.Process
	address   string
	database  string
	dial      dialer
}

// newBank starts a bank on a new copy of the ledger with all cards.
func (w *workbench) newBank(ctx context.Context, name string, settings map[string]string) (*bank, error) {
	if err := w.copyLedger(ctx, cardsDatabase, "bench_"+name); err != nil {
		return nil, err
	}
	return w.startBank(ctx, "bench_"+name, settings)
}

// copyLedger replaces a database by a copy of another.
func (w *workbench) copyLedger(ctx context.Context, template, name string) error {
	if err := w.dropDatabase(ctx, name); err != nil {
		return err
	}
	copied := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize() + " TEMPLATE " + template
	return errors.Join(w.exec(ctx, "postgres", copied), w.vacuum(ctx, name))
}

// bankStart says which bank to start.
type bankStart struct {
	// folder holds the program of another build; empty means this build.
	folder   string
	database string
	settings map[string]string
	// cards are the cards in the database that the bank's client uses.
	cards []card
	// plain is the program that a bank without TLS takes everybody for; empty: TLS.
	plain string
}

// startBank starts a bank of this build on a database with the cards of the workbench.
func (w *workbench) startBank(ctx context.Context, database string, settings map[string]string) (*bank, error) {
	return w.start(ctx, bankStart{database: database, settings: settings, cards: w.cards})
}

// start starts a bank on a database, which it creates if needed. The bank publishes nothing
// unless the settings say so.
func (w *workbench) start(ctx context.Context, start bankStart) (*bank, error) {
	url, err := w.ledger(ctx, start)
	if err != nil {
		return nil, err
	}
	settings := map[string]string{"database-url": url, "relay": "false"}
	if start.folder == "" { // Payments between banks are the stack's own bank's: another one must not read its topic.
		settings["codepix-address"], settings["pix-keys"] = "", ""
	}
	maps.Copy(settings, start.settings)
	port := w.nextPort()
	b := &bank{workbench: w, database: start.database, address: "127.0.0.1:" + strconv.Itoa(port)}
	b.process, err = w.stack.Replica(ctx, launch.Bank, launch.Copy{
		Name: "bank-" + strconv.Itoa(w.banks), GRPCPort: port, HTTPPort: port + 1, Settings: settings, Folder: start.folder, Plain: start.plain,
	})
	if err != nil {
		if b.process != nil {
			err = errors.Join(err, w.stack.Remove(ctx, b.process))
		}
		return nil, err
	}
	b.dial = w.dialer(launch.Bank, b.address, start.plain != "")
	if b.client, err = newClient(b.dial, start.cards, max(w.options.Callers, openWorkers)); err != nil {
		return nil, errors.Join(err, w.stack.Remove(ctx, b.process))
	}
	b.client.bank = b.process.Pid()
	return b, nil
}

// ledger creates and migrates the database of a bank if needed, and returns its address for the bank. The
// program of another build may be of a time when the bank was the owner of its ledger.
func (w *workbench) ledger(ctx context.Context, start bankStart) (string, error) {
	url, err := w.stack.AddDatabase(ctx, "ledger", start.database, launch.BankCode)
	if err != nil || start.folder == "" {
		return url, err
	}
	return w.stack.DatabaseURL(ctx, start.database)
}

// nextPort returns the first of the two ports of the next bank or checkout, and counts it.
func (w *workbench) nextPort() int {
	port := w.location.BasePort + firstPort + 2*(w.banks%20)
	w.banks++
	return port
}

// stop stops the bank. Its ledger stays.
func (b *bank) stop(ctx context.Context) error {
	b.close()
	return b.workbench.stack.Remove(context.WithoutCancel(ctx), b.process)
}

// remove stops the bank and deletes its ledger.
func (b *bank) remove(ctx context.Context) error {
	return errors.Join(b.stop(ctx), b.workbench.dropDatabase(context.WithoutCancel(ctx), b.database))
}

// term is a closed-loop term of purchases at this bank.
func (b *bank) term(name string, callers int, do operation) term {
	t := closedTerm(name, callers, do)
	t.unit, t.bank = "bank/s", b.client.bank
	return t
}

// connect opens a connection to a database of the stack. The caller closes it.
func (w *workbench) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	url, err := w.stack.DatabaseURL(ctx, database)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, url)
}

// exec executes a statement on a new connection.
func (w *workbench) exec(ctx context.Context, database, statement string) error {
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

// queryRow reads one row on a new connection.
func (w *workbench) queryRow(ctx context.Context, database, statement string, into ...any) error {
	connection, err := w.connect(ctx, database)
	if err != nil {
		return err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	return connection.QueryRow(ctx, statement).Scan(into...)
}

func (w *workbench) dropDatabase(ctx context.Context, database string) error {
	return w.exec(ctx, "postgres", "DROP DATABASE IF EXISTS "+pgx.Identifier{database}.Sanitize()+" WITH (FORCE)")
}
