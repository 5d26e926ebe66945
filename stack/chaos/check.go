package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"codebank.dev/stack/chaos/linear"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// linearTimeout bounds the search for a valid order of the operations of one account.
const linearTimeout = time.Minute

// evidence is what was collected after the last fault.
type evidence struct {
	resolved   int
	commands   int // transfers by command that were not accepted under load
	charges    int // requests of merchants, the same
	payments   int // payments between banks, the same
	pix        *pixReport
	ledger     *ledgerCheck
	audit      *auditReport
	linear     linear.Result
	secrets    string
	watermarks string
	transfers  transferCounts
	audited    time.Duration // until every event was in every copy
}

// check resolves the unknown outcomes, collects the evidence and checks every promise.
func (r *run) check(ctx context.Context) (*Report, error) {
	var e evidence
	began := time.Now()
	var err error
	if e.resolved, err = r.load.resolve(ctx); err != nil {
		r.load.observed.report("I14", "%v", err)
	}
	r.journal.printf("%d outcomes were unknown at the end of the load and are resolved", e.resolved)
	if e.commands, err = r.load.resolveCommands(ctx); err != nil {
		r.load.observed.report(commandsEnd, "%v", err)
	}
	r.journal.printf("all transfers by command have ended; %d were not accepted before", e.commands)
	if e.charges, err = r.resolveCharges(ctx); err != nil {
		r.load.observed.report(chargesDecided, "%v", err)
	}
	r.journal.printf("all charges of merchants are decided; %d requests were not accepted before", e.charges)
	e.payments = r.endPix(ctx)
	r.resolveEvents(ctx)
	ledger, err := r.system.database(ctx, launch.LedgerDatabase)
	if err != nil {
		return nil, err
	}
	defer ledger.Close(context.WithoutCancel(ctx))
	r.awaitHoldsEnded(ctx, ledger)
	if e.audit, err = r.audit(ctx); err != nil {
		return nil, err
	}
	e.audited = time.Since(began)
	if err := r.checkGoroutines(ctx); err != nil {
		return nil, err
	}
	r.journal.printf("audited after %.1f s", e.audited.Seconds())
	if e.ledger, err = r.load.readLedger(ctx, ledger); err != nil {
		return nil, err
	}
	e.ledger.checkMissing()
	e.ledger.charges.check()
	if e.pix, err = r.checkPix(ctx); err != nil {
		return nil, err
	}
	if err := r.checkDeadLetters(ctx); err != nil {
		return nil, err
	}
	if e.secrets, err = r.checkSecrets(ctx); err != nil {
		return nil, err
	}
	if e.watermarks, err = r.checkWatermarks(ctx, ledger); err != nil {
		return nil, err
	}
	if err := r.measurePoisonDelay(ctx); err != nil {
		return nil, err
	}
	if err := r.checkLedgerTables(ctx, ledger); err != nil {
		return nil, err
	}
	if e.transfers, err = r.checkTransfers(ctx, ledger); err != nil {
		return nil, err
	}
	if err := r.checkCommands(ctx, e.ledger.commands, ledger); err != nil {
		return nil, err
	}
	if err := r.measureExpiries(ctx, ledger); err != nil {
		return nil, err
	}
	e.linear = linear.Check(r.load.recorded.initial, r.load.recorded.operations, linearTimeout)
	if err := r.reportLinearizability(&e.linear); err != nil {
		return nil, err
	}
	return r.buildReport(&e), nil
}

// maxIdleGoroutines is more goroutines than an idle bank has.
const maxIdleGoroutines = 1_000

var goroutinesMetric = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// checkGoroutines reads the number of goroutines of each bank. A goroutine that waits for a
// closed connection would show here.
func (r *run) checkGoroutines(ctx context.Context) error {
	client, err := r.system.stack.HTTPClient(launch.Operator)
	if err != nil {
		return err
	}
	for i, bank := range r.system.banks {
		text, err := pipes.GetWith(ctx, client, launch.URL(bank.http)+"/metrics")
		if err != nil {
			return err
		}
		found := goroutinesMetric.FindSubmatch(text)
		if found == nil {
			return fmt.Errorf("%s does not say how many goroutines it has", bankNames[i])
		}
		count, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			return err
		}
		r.journal.setFigure("goroutines of "+bankNames[i]+" at the end", count)
		if count > maxIdleGoroutines {
			r.load.observed.report("I18", "%s has %d goroutines although no client calls it", bankNames[i], count)
		}
	}
	return nil
}

// reportLinearizability reports the accounts that are not linearizable. It writes a picture of
// the first.
func (r *run) reportLinearizability(result *linear.Result) error {
	for _, pair := range result.Illegal {
		r.load.observed.report("I15", "no order of the operations explains the history of %s", r.load.recorded.names[pair])
	}
	for _, pair := range result.Undecided {
		r.load.observed.report("I15", "no order of the operations was found in %s for the history of %s", linearTimeout, r.load.recorded.names[pair])
	}
	if result.Picture == nil || r.options.Pictures == "" {
		return nil
	}
	if err := os.MkdirAll(r.options.Pictures, 0o755); err != nil {
		return err
	}
	return result.Picture(filepath.Join(r.options.Pictures, "linearizability.html"))
}

// checkLedgerTables runs the checks that need queries on the ledger's tables.
func (r *run) checkLedgerTables(ctx context.Context, ledger *pgx.Conn) error {
	var waiting int64
	if err := ledger.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&waiting); err != nil {
		return err
	}
	if waiting > 0 {
		r.load.observed.report("I10", "%d events are left in the outbox after the audit", waiting)
	}
	var wrong int64
	// Merchants give charges back in parts, which the processor asks for; the load gives back a purchase once.
	if err := ledger.QueryRow(ctx, `SELECT count(*) FROM (
		SELECT g.original_transaction_id FROM entries g
		LEFT JOIN entries p ON p.transaction_id = g.original_transaction_id AND p.leg = 0 AND p.kind IN (3, 7, 9)
		WHERE g.kind IN (4, 10) AND g.status = 1 AND g.leg = 0 AND g.debit_account IS NOT NULL
		GROUP BY g.original_transaction_id
		HAVING count(*) > 1 AND min(p.kind) = 3 AND min(p.caller) <> 'payment-processor' OR bool_or(p.status IS DISTINCT FROM 1) OR sum(g.amount) > min(p.amount)) w`).Scan(&wrong); err != nil {
		return err
	}
	if wrong > 0 {
		r.load.observed.report("I11", "%d transactions were given back for more than their amount or without an approval, or are purchases given back twice", wrong)
	}
	for _, change := range []string{
		"UPDATE entries SET amount = amount + 1", "DELETE FROM entries", "TRUNCATE entries CASCADE", "DELETE FROM accounts",
	} {
		_, err := ledger.Exec(ctx, change)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "23001" {
			r.load.observed.report("I12", "%s was answered %v", change, err)
		}
	}
	return nil
}

// buildReport sets the result of every promise from the violations that were reported.
func (r *run) buildReport(e *evidence) *Report {
	v := &Report{
		OK: true, Seed: r.options.Seed, Minutes: r.options.Minutes, Command: r.options.Command(),
		InjectedSeconds: int64(r.journal.injected.Seconds()), Acknowledged: r.load.history.acknowledged.Load(), Kills: r.journal.killCount(),
		Faults: make(map[string]int64), KillsOf: r.journal.kills, Errors: make(map[string]map[string]int64),
		Figures: r.journal.figures, Recoveries: r.journal.recoveries,
	}
	for _, s := range r.journal.steps {
		v.Faults[s.Fault+" "+s.Name]++
		v.Schedule = append(v.Schedule, s.String())
	}
	for kind, codes := range r.load.observed.classes {
		v.Errors[string(kind)] = codes
	}
	r.collectFigures(e, v.Figures)
	r.checkBrokerOutages()
	r.checkBrokerAbsences()
	r.checkRecoveries()
	for _, j := range r.results(e) {
		if problem := r.load.observed.problemOf(j.ID); problem != nil {
			j.Status, j.Example = Violated, fmt.Sprintf("%s (%d in all)", problem.first, problem.count)
		}
		if j.Status == "" {
			j.Status = Held
		}
		v.OK = v.OK && j.Status != Violated
		v.Results = append(v.Results, j)
	}
	return v
}

func (r *run) collectFigures(e *evidence, figures map[string]int64) {
	h := &r.load.history
	figures["operations begun"] = int64(h.len())
	figures["operations unknown at first"] = h.unknowns.Load()
	figures["operations unknown at the end of the load"] = int64(e.resolved)
	figures["answers repeated and compared"] = h.repeats.Load()
	figures["tries refused by a full queue"] = r.load.refusedBusy.Load()
	figures["transfers by command completed"], figures["transfers by command cancelled"] = e.ledger.commands.completed, e.ledger.commands.cancelled
	figures["transfers by command not accepted under load"] = int64(e.commands)
	figures["requests of merchants not accepted under load"] = int64(e.charges)
	figures["payments between banks not answered under load"] = int64(e.payments)
	figures["orders ended"] = r.load.orders.ended
	figures["repeats on the topic"] = e.audit.repeats()
	figures["milliseconds from the last fault until the audit had ended"] = e.audited.Milliseconds()
}

// checkRecoveries reports recoveries that took too long.
func (r *run) checkRecoveries() {
	if r.options.Untimed {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r.journal.recoveries)) {
		if recovery := r.journal.recoveries[name]; recovery.Longest > recovery.Limit {
			r.load.observed.report("recovery", "%s: %d ms, at most %d", name, recovery.Longest, recovery.Limit)
		}
	}
}

// results returns the promises, each with a description of what was checked.
func (r *run) results(e *evidence) []Result {
	h, b := &r.load.history, e.ledger
	checked := func(id, name, format string, values ...any) Result {
		return Result{ID: id, Name: name, Checked: fmt.Sprintf(format, values...)}
	}
	results := []Result{
		checked("I1", "conservation", "%d entries; %d minor units debited and %d credited, each against another account", b.rows, b.debits, b.credits),
		checked("I2", "no limit passed", "every approval of %d accounts, compared with the amount available before it", b.accounts),
		checked("I3", "nothing acknowledged is lost", "%d acknowledged operations, compared with the ledger; %s", h.acknowledged.Load(), e.audit.describe()),
		checked("I4", "nothing is invented", "%d entries and %d refusals, each with its request; the audit's foreign events", b.rows, b.refusals),
		checked("I5", "one effect per request id", "%d repeated answers compared; one entry per request; other bodies refused", h.repeats.Load()),
		checked("I6", "no line doubled or missing", "sequences of %d accounts, in the ledger and by the audit in every copy", b.accounts),
		checked("I7", "order per account", "first occurrences on the topic, by the audit; %d repeats", e.audit.repeats()),
		checked("I8", "balances follow", "the balance after each of %d entries, and the final balance of %d accounts", b.rows, b.accounts),
		checked("I9", "equal totals", "%s", e.audit.describe()),
		checked("I10", "the outbox is complete and empty", "rows left in the outbox after the audit"),
		checked("I11", "legal life cycle", "the amount given back of each purchase; ids voided before they were sent"),
		checked("I12", "history never changes", "UPDATE, DELETE and TRUNCATE as the tables' owner"),
		r.pixResult(e),
		checked("I14", "nothing is stuck", "%d unknown outcomes resolved by asking again; %d orders ended; every payment between banks has ended, and under load each had a next attempt", e.resolved, r.load.orders.ended),
		{ID: "I15", Name: "balances are linearizable", Count: int64(e.linear.Operations), Checked: fmt.Sprintf(
			"%d operations of %d accounts, %d of them without an answer", e.linear.Operations, e.linear.Accounts, e.linear.Unknown)},
		checked("I16", "reads do not go back", "%d reads of accounts, %d of statements", r.load.reads.accounts.Load(), r.load.reads.statements.Load()),
		checked("I17", "no card data outside the vault", "%s", e.secrets),
		checked("I18", "everything works again", "the end of each fault; %.1f s from the last fault until the audit had ended; %s", e.audited.Seconds(), describeStopped(r.system.deadProcesses())),
		checked("expectations", "decisions are the right ones", "declines with a reason known beforehand, and declines for insufficient funds"),
		{ID: transfersWhole, Name: "transfers have both sides", Count: e.transfers.transfers, Checked: fmt.Sprintf(
			"the sum of %d wallets under load; %d transfers, with %d lines on the statements", transferWallets, e.transfers.transfers, e.transfers.lines)},
		{ID: holdsEnd, Name: "every hold ends once", Count: int64(len(b.wallets.ends)), Checked: fmt.Sprintf(
			"captured and released of %d holds, %d of which expired; nothing is set aside in the end", len(b.wallets.ends), b.wallets.expired)},
		checked(errorClasses, "no error of another class", "declined, retryable, unknown, cancelled, refused"),
		checked(watermarks, "watermarks are true", "%s", e.watermarks),
		checked(deadLetters, "only poison is refused", "%s", r.deadLettersChecked()),
		r.brokerOutageResult(),
		r.brokerAbsenceResult(),
		r.timedResult(checked("recovery", "recovery in time", "%s", r.recoveryTimes())),
		checked(overload, "too much is refused in time", "every refusal says when to try again"),
	}
	return slices.Concat(results, r.commandResults(b.commands), r.chargeResults(b.charges), r.eventResults())
}

// timedResult marks a result about times as not applicable in runs that do not check times.
func (r *run) timedResult(j Result) Result {
	if r.options.Untimed {
		j.Status, j.Checked = NotApplicable, "measured but not checked in this run: "+j.Checked
	}
	return j
}

func (r *run) recoveryTimes() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.journal.recoveries)) {
		parts = append(parts, fmt.Sprintf("%s: %d ms", name, r.journal.recoveries[name].Longest))
	}
	return strings.Join(parts, "; ")
}

func describeStopped(dead []string) string {
	if len(dead) == 0 {
		return "everything runs"
	}
	return "not running: " + strings.Join(dead, ", ")
}
