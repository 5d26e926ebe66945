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

// linearPatience bounds the search for an order of one account's operations.
const linearPatience = time.Minute

// evidence is what was gathered after the last fault.
type evidence struct {
	settled int
	book    *book
	audit   *auditReport
	linear  linear.Result
	secrets string
	marks   string
	quiet   time.Duration // until the pipes had brought everything to its place
}

// judge settles what nobody knows, gathers evidence, and rules on every promise.
func (r *run) judge(ctx context.Context) (*Verdict, error) {
	var e evidence
	quietFrom := time.Now()
	var err error
	if e.settled, err = r.load.settle(ctx); err != nil {
		r.load.seen.report("I14", "%v", err)
	}
	r.log.say("%d outcomes were unknown at the end of the load, and settled", e.settled)
	if e.audit, err = r.audit(ctx); err != nil {
		return nil, err
	}
	e.quiet = time.Since(quietFrom)
	if err := r.threads(ctx); err != nil {
		return nil, err
	}
	r.log.say("audited after %.1f s", e.quiet.Seconds())
	ledger, err := r.system.database(ctx, launch.LedgerDatabase)
	if err != nil {
		return nil, err
	}
	defer ledger.Close(context.WithoutCancel(ctx))
	if e.book, err = r.load.readLedger(ctx, ledger); err != nil {
		return nil, err
	}
	e.book.complete()
	if err := r.judgeLetters(ctx); err != nil {
		return nil, err
	}
	if e.secrets, err = r.judgeSecrets(ctx); err != nil {
		return nil, err
	}
	if e.marks, err = r.judgeWatermarks(ctx, ledger); err != nil {
		return nil, err
	}
	if err := r.judgePoison(ctx); err != nil {
		return nil, err
	}
	if err := r.query(ctx, ledger); err != nil {
		return nil, err
	}
	e.linear = linear.Check(r.load.watched.opened, r.load.watched.operations, linearPatience)
	if err := r.draw(&e.linear); err != nil {
		return nil, err
	}
	return r.verdict(&e), nil
}

// mostThreads is more goroutines than a bank has that nobody calls.
const mostThreads = 1_000

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

// threads asks each bank how many goroutines it is left with: one that waits for a
// connection that is gone would show.
func (r *run) threads(ctx context.Context) error {
	for i, bank := range r.system.banks {
		text, err := pipes.Page(ctx, "http://"+bank.http+"/metrics")
		if err != nil {
			return err
		}
		found := goroutines.FindSubmatch(text)
		if found == nil {
			return fmt.Errorf("%s does not say how many goroutines it has", bankNames[i])
		}
		count, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			return err
		}
		r.log.figure("goroutines of "+bankNames[i]+" in the end", count)
		if count > mostThreads {
			r.load.seen.report("I18", "%s has %d goroutines though nobody calls it", bankNames[i], count)
		}
	}
	return nil
}

// draw reports what is not linearizable and draws it.
func (r *run) draw(result *linear.Result) error {
	for _, account := range result.Illegal {
		r.load.seen.report("I15", "no order explains the history of %s", r.load.wallet.get(uint32(account)).account)
	}
	for _, account := range result.Undecided {
		r.load.seen.report("I15", "no order was found in %s for the history of %s", linearPatience, r.load.wallet.get(uint32(account)).account)
	}
	if result.Picture == nil || r.options.Pictures == "" {
		return nil
	}
	if err := os.MkdirAll(r.options.Pictures, 0o755); err != nil {
		return err
	}
	return result.Picture(filepath.Join(r.options.Pictures, "linearizability.html"))
}

// query asks the ledger what rows alone do not show.
func (r *run) query(ctx context.Context, ledger *pgx.Conn) error {
	var waiting int64
	if err := ledger.QueryRow(ctx, "SELECT count(*) FROM outbox").Scan(&waiting); err != nil {
		return err
	}
	if waiting > 0 {
		r.load.seen.report("I10", "%d events are in the outbox after everything was quiet", waiting)
	}
	var wrong int64
	if err := ledger.QueryRow(ctx, `SELECT count(*) FROM (
		SELECT g.original_transaction_id FROM entries g LEFT JOIN entries p ON p.transaction_id = g.original_transaction_id AND p.kind = 3
		WHERE g.kind IN (4, 10) AND g.status = 1
		GROUP BY g.original_transaction_id HAVING count(*) > 1 OR bool_or(p.status IS DISTINCT FROM 1) OR sum(g.amount) > min(p.amount)) w`).Scan(&wrong); err != nil {
		return err
	}
	if wrong > 0 {
		r.load.seen.report("I11", "%d purchases were given back more than once, for more than they cost, or without having been approved", wrong)
	}
	for _, change := range []string{
		"UPDATE entries SET amount = amount + 1", "DELETE FROM entries", "TRUNCATE entries CASCADE", "DELETE FROM accounts",
	} {
		_, err := ledger.Exec(ctx, change)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "23001" {
			r.load.seen.report("I12", "%s was answered %v", change, err)
		}
	}
	return nil
}

// verdict rules on every promise by what was reported of it.
func (r *run) verdict(e *evidence) *Verdict {
	v := &Verdict{
		OK: true, Seed: r.options.Seed, Minutes: r.options.Minutes, Command: r.options.Command(),
		InjectedSeconds: int64(r.log.injected.Seconds()), Acknowledged: r.load.history.acknowledged.Load(), Kills: r.log.allKills(),
		Faults: make(map[string]int64), KillsOf: r.log.kills, Errors: make(map[string]map[string]int64),
		Figures: r.log.figures, Recoveries: r.log.recoveries,
	}
	for _, s := range r.log.steps {
		v.Faults[s.Fault+" "+s.Name]++
		v.Schedule = append(v.Schedule, s.String())
	}
	for kind, codes := range r.load.seen.classes {
		v.Errors[string(kind)] = codes
	}
	r.figures(e, v.Figures)
	r.judgeAbsences()
	r.judgeRecoveries()
	for _, j := range r.judgements(e) {
		if problem := r.load.seen.problemOf(j.ID); problem != nil {
			j.Ruling, j.Example = Violated, fmt.Sprintf("%s (%d in all)", problem.first, problem.count)
		}
		if j.Ruling == "" {
			j.Ruling = Held
		}
		v.OK = v.OK && j.Ruling != Violated
		v.Judgements = append(v.Judgements, j)
	}
	return v
}

func (r *run) figures(e *evidence, figures map[string]int64) {
	h := &r.load.history
	figures["operations begun"] = int64(h.len())
	figures["operations unknown at first"] = h.unknowns.Load()
	figures["operations unknown at the end of the load"] = int64(e.settled)
	figures["answers repeated and compared"] = h.repeats.Load()
	figures["tries turned away by a full queue"] = r.load.refusedBusy.Load()
	figures["orders ended"] = r.load.orders.ended
	figures["repeats on the topic"] = e.audit.repeats()
	figures["milliseconds from the last fault to quiet, audited"] = e.quiet.Milliseconds()
}

// judgeRecoveries reports what took too long to work again.
func (r *run) judgeRecoveries() {
	if r.options.Untimed {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(r.log.recoveries)) {
		if recovery := r.log.recoveries[name]; recovery.Longest > recovery.Limit {
			r.load.seen.report("recovery", "%s: %d ms, at most %d", name, recovery.Longest, recovery.Limit)
		}
	}
}

// judgements are the promises, and what was looked at for each.
func (r *run) judgements(e *evidence) []Judgement {
	h, b := &r.load.history, e.book
	none := func(id, name, why string) Judgement {
		return Judgement{ID: id, Name: name, Ruling: NotApplicable, Looked: why}
	}
	looked := func(id, name, format string, values ...any) Judgement {
		return Judgement{ID: id, Name: name, Looked: fmt.Sprintf(format, values...)}
	}
	return []Judgement{
		looked("I1", "conservation", "%d entries; %d minor units debited and %d credited, each against another account", b.rows, b.debits, b.credits),
		looked("I2", "no limit passed", "every approval of %d accounts against what was available before it", b.accounts),
		looked("I3", "nothing acknowledged is lost", "%d acknowledged operations against the ledger, and %s", h.acknowledged.Load(), e.audit.describe()),
		looked("I4", "nothing is invented", "%d entries and %d refusals led back to requests; the audit's foreign events", b.rows, b.refusals),
		looked("I5", "one effect per request id", "%d repeated answers compared; one entry per request; other bodies refused", h.repeats.Load()),
		looked("I6", "no line doubled or missing", "sequences of %d accounts, in the ledger and by the audit in every copy", b.accounts),
		looked("I7", "order per account", "first occurrences on the topic, by the audit; %d repeats", e.audit.repeats()),
		looked("I8", "balances follow", "the balance after each of %d entries, and that of %d accounts", b.rows, b.accounts),
		looked("I9", "equal totals", "%s", e.audit.describe()),
		looked("I10", "the outbox is complete and empty", "rows left after quiet"),
		looked("I11", "legal life cycle", "what was given back of each purchase; ids voided before they were sent"),
		looked("I12", "history never changes", "UPDATE, DELETE and TRUNCATE as the tables' owner"),
		none("I13", "atomic between banks", "one bank runs"),
		looked("I14", "nothing is stuck", "%d outcomes settled by asking again; %d orders ended", e.settled, r.load.orders.ended),
		{ID: "I15", Name: "balances are linearizable", Count: int64(e.linear.Operations), Looked: fmt.Sprintf(
			"%d operations of %d accounts, %d of them without an answer", e.linear.Operations, e.linear.Accounts, e.linear.Unknown)},
		looked("I16", "reads do not go back", "%d reads of accounts, %d of statements", r.load.reading.accounts.Load(), r.load.reading.statements.Load()),
		looked("I17", "no card data outside the vault", "%s", e.secrets),
		looked("I18", "everything works again", "each fault's end; %.1f s from the last fault until all was in its place; %s", e.quiet.Seconds(), running(r.system.died())),
		looked("expectations", "decisions are the right ones", "declines with a reason known beforehand, and for want of funds"),
		looked(errorClasses, "no error of another class", "declined, retryable, unknown, cancelled, refused"),
		looked(watermarks, "what is said to be complete is complete", "%s", e.marks),
		looked(deadLetters, "only poison is refused", "%s", r.lettersLooked()),
		r.withoutBroker(),
		r.timed(looked("recovery", "recovery in time", "%s", r.recoveries())),
		looked(overload, "too much is refused in time", "every refusal says when to try again"),
	}
}

// timed is a judgement of times, which are not judged in every run.
func (r *run) timed(j Judgement) Judgement {
	if r.options.Untimed {
		j.Ruling, j.Looked = NotApplicable, "measured and not judged in this run: "+j.Looked
	}
	return j
}

func (r *run) recoveries() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.log.recoveries)) {
		parts = append(parts, fmt.Sprintf("%s: %d ms", name, r.log.recoveries[name].Longest))
	}
	return strings.Join(parts, "; ")
}

func running(dead []string) string {
	if len(dead) == 0 {
		return "everything runs"
	}
	return "not running: " + strings.Join(dead, ", ")
}
