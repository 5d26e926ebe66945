package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// hubCaller is the name under which a bank writes what the hub's messages make of a payment.
const hubCaller = "codepix"

// pixSampleInterval is how often the ledgers of both banks and the hub are compared while faults are injected.
const pixSampleInterval = 2 * time.Second

// pixWatch is what was read of the payments between two banks under load. The ledger only grows, so each look reads what
// came since the one before.
type pixWatch struct {
	run *run
	// read is the last sequence of each account that was read.
	read [2]map[uuid.UUID]int64
	// credited, captured and released are amounts by end-to-end id.
	credited, captured, released map[string]int64
	// pending are what either bank has captured since the other one was read.
	pending [2][]string
}

// samplePix looks again and again whether money has come to exactly one place. Databases may be away meanwhile.
func (r *run) samplePix(ctx context.Context) {
	w := &pixWatch{
		run: r, read: [2]map[uuid.UUID]int64{{}, {}}, credited: make(map[string]int64), captured: make(map[string]int64), released: make(map[string]int64),
	}
	for sleep(ctx, pixSampleInterval) {
		if w.look(ctx) == nil {
			r.load.payments.samples.Add(1)
		}
	}
}

// look reads one bank after the other. What a bank has captured when it is read was credited before at the other one, so
// that one must have it when it is read next. What is released was and is credited nowhere.
func (w *pixWatch) look(ctx context.Context) error {
	once, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for _, bank := range []int{0, 1, 0} {
		if err := w.readBank(once, bank); err != nil {
			return err
		}
		for _, id := range w.pending[1-bank] {
			if w.credited[id] != w.captured[id] {
				w.run.load.observed.report("I13", "of %s %d is captured, and %d credited at the other bank", id, w.captured[id], w.credited[id])
			}
		}
		w.pending[1-bank] = nil
	}
	return w.checkAttempts(once)
}

// readBank reads the new entries of the accounts of a bank.
func (w *pixWatch) readBank(ctx context.Context, bank int) error {
	side := w.run.load.payments.sides[bank]
	conn, err := w.run.system.database(ctx, side.institution.LedgerDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var ids []uuid.UUID
	var after []int64
	for _, account := range side.accounts {
		ids, after = append(ids, idOf(account)), append(after, w.read[bank][idOf(account)])
	}
	rows, err := conn.Query(ctx, `SELECT e.account_id, e.sequence, e.kind, e.end_to_end_id, e.amount, e.debit_account IS NOT DISTINCT FROM e.account_id
		FROM unnest($1::uuid[], $2::bigint[]) a (id, sequence) JOIN entries e ON e.account_id = a.id AND e.sequence > a.sequence
		WHERE e.status = 1 ORDER BY e.account_id, e.sequence`, ids, after)
	if err != nil {
		return err
	}
	var account uuid.UUID
	var sequence, amount int64
	var kind int16
	var id string
	var isDebit bool
	_, err = pgx.ForEachRow(rows, []any{&account, &sequence, &kind, &id, &amount, &isDebit}, func() error {
		w.read[bank][account] = sequence
		switch {
		case id == "":
		case kind == kindPixOut:
			w.add(w.captured, id, amount, "captured")
			w.pending[bank] = append(w.pending[bank], id)
		case kind == kindVoid:
			w.add(w.released, id, amount, "released")
		case kind == kindPixIn, kind == kindPixReturn && !isDebit:
			w.add(w.credited, id, amount, "credited")
		}
		return nil
	})
	return err
}

func (w *pixWatch) add(to map[string]int64, id string, amount int64, what string) {
	if _, twice := to[id]; twice {
		w.run.load.observed.report("I13", "%s is %s twice", id, what)
	}
	to[id] = amount
	if _, released := w.released[id]; released && (w.captured[id] != 0 || w.credited[id] != 0) {
		w.run.load.observed.report("I13", "%s is released, and %d of it captured and %d credited", id, w.captured[id], w.credited[id])
	}
}

// checkAttempts reports payments that nothing would carry on: those that are open without a message that is due.
func (w *pixWatch) checkAttempts(ctx context.Context) error {
	hub, err := w.run.system.database(ctx, launch.CodePixDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = hub.Close(context.WithoutCancel(ctx)) }()
	var stuck int64
	err = hub.QueryRow(ctx, `SELECT count(*) FROM payments p WHERE state IN (1, 2) AND NOT held
		AND NOT EXISTS (SELECT FROM payment_outbox o WHERE o.payment_id = p.id AND o.awaits)`).Scan(&stuck)
	if err == nil && stuck > 0 {
		w.run.load.observed.report("I14", "%d payments are open at the hub, and no message of them is sent again", stuck)
	}
	for _, side := range w.run.load.payments.sides {
		if err == nil {
			err = w.checkHolds(ctx, side)
		}
	}
	return err
}

// checkHolds reports holds of payments for which the hub is not asked. One query sees one moment.
func (w *pixWatch) checkHolds(ctx context.Context, side *pixSide) error {
	conn, err := w.run.system.database(ctx, side.institution.LedgerDatabase)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var ids []uuid.UUID
	for _, account := range side.accounts {
		ids = append(ids, idOf(account))
	}
	var open, asked int64
	if err := conn.QueryRow(ctx, `SELECT
		(SELECT coalesce(sum(CASE kind WHEN 8 THEN 1 ELSE -1 END), 0) FROM entries WHERE account_id = ANY($1) AND kind IN (8, 10, 12) AND status = 1),
		(SELECT count(*) FROM pix_messages WHERE step = 'INITIATED' AND end_to_end_id LIKE 'E%')`, ids).Scan(&open, &asked); err != nil {
		return err
	}
	if open != asked {
		w.run.load.observed.report("I14", "bank %s has %d holds for payments, and asks the hub for %d", side.institution.Code, open, asked)
	}
	return nil
}

// endPix asks for every payment until it is answered, and waits until each has ended. It returns how many were not
// answered under load.
func (r *run) endPix(ctx context.Context) int {
	open, err := r.resolvePix(ctx)
	if err == nil {
		err = r.measurePixEnds(ctx, time.Now())
	}
	if err != nil {
		r.load.observed.report("I14", "payments between banks after the load: %v", err)
	}
	r.journal.printf("all payments between banks have ended; %d were not answered before", open)
	return open
}

// pixReport holds the members of the report of `bankctl audit pix` that this package reads.
type pixReport struct {
	Equal    bool  `json:"equal"`
	Payments int64 `json:"payments"`
	Returns  int64 `json:"returns"`
	Transits []struct {
		Minor int64 `json:"sum_minor"`
	} `json:"transits"`
	Open     []json.RawMessage `json:"open"`
	Findings []json.RawMessage `json:"findings"`
}

// checkPix compares the banks with the hub, by `bankctl audit pix`, and all three with what customers asked for.
func (r *run) checkPix(ctx context.Context) (*pixReport, error) {
	var out bytes.Buffer
	failure := r.system.stack.Bankctl(ctx, &out, "audit", "pix", "--wait", "1m", "--timeout", "2m", "--output", "json")
	var report pixReport
	if err := json.NewDecoder(bytes.NewReader(out.Bytes())).Decode(&report); err != nil {
		return nil, fmt.Errorf("the audit of payments between banks cannot be read: %w: %s", failure, out.String())
	}
	observed, l := r.load.observed, r.load
	for _, found := range report.Findings {
		observed.report("I13", "%s", found)
	}
	for _, open := range report.Open {
		observed.report("I14", "a payment between banks has no end: %s", open)
	}
	var transit int64
	for _, account := range report.Transits {
		transit += account.Minor
	}
	if transit != 0 {
		observed.report("I13", "the transit accounts of both banks have %d together, with nothing under way", transit)
	}
	var returns int64
	for _, p := range l.payments.all {
		if p.original != nil {
			returns++
		}
	}
	if asked := int64(len(l.payments.all)) - returns; report.Payments != asked || report.Returns != returns {
		observed.report("I5", "customers asked for %d payments and %d returns, and the banks have %d and %d", asked, returns, report.Payments, report.Returns)
	}
	if err := r.checkPixLetters(ctx); err != nil {
		return nil, err
	}
	return &report, r.checkPixMoney(ctx)
}

// checkPixLetters reports messages between banks and hub that were refused for good.
func (r *run) checkPixLetters(ctx context.Context) error {
	var topics []string
	for _, bank := range launch.Banks() {
		topics = append(topics, "dlq.bank-"+bank.Code+".pix", "dlq.codepix.bank-"+bank.Code)
	}
	return pipes.ReadAll(ctx, r.system.stack.Addresses().Kafka(), func(record *kgo.Record) {
		r.load.observed.report(deadLetters, "%s has %d/%d: %.200s", record.Topic, record.Partition, record.Offset, record.Value)
	}, topics...)
}

// checkPixMoney requires that the accounts of both banks together have what was paid in.
func (r *run) checkPixMoney(ctx context.Context) error {
	var sum int64
	for _, side := range r.load.payments.sides {
		conn, err := r.system.database(ctx, side.institution.LedgerDatabase)
		if err != nil {
			return err
		}
		var ids []uuid.UUID
		for _, account := range side.accounts {
			ids = append(ids, idOf(account))
		}
		var one int64
		err = conn.QueryRow(ctx, "SELECT coalesce(sum(balance), 0)::bigint FROM accounts WHERE id = ANY($1) AND held = 0", ids).Scan(&one)
		_ = conn.Close(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		sum += one
	}
	if want := int64(len(r.load.payments.sides)) * (pixWallets + 1) * pixDeposit; sum != want {
		r.load.observed.report("I1", "the accounts that pay between banks have %d together, and were given %d", sum, want)
	}
	return nil
}

// pixCheck compares the entries of payments between banks at the first bank with what its customers asked for.
type pixCheck struct {
	load *load
	// begun are the first entries, by request id.
	begun map[string]string
}

// add reads an entry. It returns false for one that has nothing to do with payments between banks.
func (c *pixCheck) add(e *entryRow) bool {
	switch {
	case e.caller == hubCaller:
		return true // `bankctl audit pix` compares these.
	case e.caller != caller || !strings.HasPrefix(e.request, pixPrefix):
		return false
	}
	if before := c.begun[e.request]; before != "" || e.endToEnd == "" || e.status != statusApproved {
		c.load.observed.report("I5", "%s is in the ledger as %s with status %d, and before as %q", e.request, e.endToEnd, e.status, before)
	}
	c.begun[e.request] = e.endToEnd
	return true
}

// checkMissing requires each payment of the first bank under the name with which it was answered.
func (c *pixCheck) checkMissing() {
	for _, p := range c.load.payments.all {
		if p.from == 0 && c.begun[p.requestID] != endToEndID(p.answered()) {
			c.load.observed.report("I3", "%s was answered with %s, and the ledger has %q", p.requestID, p.answered(), c.begun[p.requestID])
		}
		delete(c.begun, p.requestID)
	}
	for request := range c.begun {
		c.load.observed.report("I4", "the ledger has %s, for which nobody asked", request)
	}
}

// pixResult is the result on payments between banks.
func (r *run) pixResult(e *evidence) Result {
	p := &r.load.payments
	return Result{ID: "I13", Name: "atomic between banks", Count: e.pix.Payments, Checked: fmt.Sprintf(
		"%d payments and %d returns between two banks, by the audit of both ledgers and the hub; %d looks under load; %d answers repeated and compared; %d payments to keys that nobody has",
		e.pix.Payments, e.pix.Returns, p.samples.Load(), p.again.Load(), p.unknown.Load())}
}
