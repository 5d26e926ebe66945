package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// resolveCharges sends every request again that was neither accepted nor refused, waits until everything is decided,
// and compares what merchants know with what the payment gateway shows and with its tables. It returns how many
// requests were open.
func (r *run) resolveCharges(ctx context.Context) (open int, err error) {
	for _, c := range r.load.charges.all {
		if open, err = r.load.awaitPosted(ctx, &c.posted, open); err != nil {
			return open, err
		}
		for _, o := range c.operations {
			if open, err = r.load.awaitPosted(ctx, &o.posted, open); err != nil {
				return open, err
			}
		}
	}
	for _, p := range r.load.charges.payouts {
		if open, err = r.load.awaitPosted(ctx, p, open); err != nil {
			return open, err
		}
	}
	connection, err := r.system.database(ctx, launch.CheckoutDatabase)
	if err != nil {
		return open, err
	}
	defer connection.Close(context.WithoutCancel(ctx))
	if err := awaitDecided(ctx, connection); err != nil {
		return open, err
	}
	if err := r.load.voidAuthorized(ctx); err != nil {
		return open, err
	}
	if err := awaitDecided(ctx, connection); err != nil {
		return open, err
	}
	for _, t := range r.load.charges.tills {
		if err := t.readAll(ctx); err != nil {
			return open, err
		}
		t.client.CloseIdleConnections()
	}
	if err := r.checkOperations(ctx, connection); err != nil {
		return open, err
	}
	if err := r.readPayouts(ctx, connection); err != nil {
		return open, err
	}
	if err := connection.QueryRow(ctx, "SELECT (SELECT count(*) FROM charges), (SELECT count(*) FROM charge_events)").
		Scan(&r.load.charges.tables.charges, &r.load.charges.tables.events); err != nil {
		return open, err
	}
	return open, r.checkChargeTables(ctx, connection, append(alwaysOfCharges, finallyOfCharges...))
}

// awaitPosted sends a request until it is accepted, or refused by the rules, and counts it if it was open.
func (l *load) awaitPosted(ctx context.Context, p *posted, open int) (int, error) {
	if p.isAccepted() || p.refused {
		return open, nil
	}
	return open + 1, pipes.Await(ctx, resolveTimeout, func(ctx context.Context) error {
		if kind := p.till.postOnce(ctx, p); kind != classOK && kind != classRefused {
			return fmt.Errorf("%s %s is neither accepted nor refused: %s", p.key, p.path, kind)
		}
		return nil
	})
}

// voidAuthorized voids every live charge that is authorized, so that nothing stays set aside at the bank.
func (l *load) voidAuthorized(ctx context.Context) error {
	for _, c := range l.charges.all {
		if !c.till.isLive() || c.capture || slices.Contains([]string{chargeRejected, chargeApproved, chargeVoided, chargeExpired}, c.seen.Status) {
			continue
		}
		if err := pipes.Await(ctx, time.Minute, func(ctx context.Context) error {
			if c.till.read(ctx, c) == nil {
				return fmt.Errorf("%s cannot be read", c.key)
			}
			return nil
		}); err != nil {
			return err
		}
		if c.seen.Status != chargeAuthorized {
			continue
		}
		if _, err := l.awaitPosted(ctx, &l.beginOperation(c, "void", 0).posted, 0); err != nil {
			return err
		}
	}
	return nil
}

// awaitDecided waits until every charge and every operation is decided.
func awaitDecided(ctx context.Context, connection *pgx.Conn) error {
	return pipes.Await(ctx, resolveTimeout, func(ctx context.Context) error {
		var charges, operations, waiting int64
		err := connection.QueryRow(ctx, `SELECT (SELECT count(*) FROM charges WHERE state = 1),
			(SELECT count(*) FROM charge_operations WHERE outcome = 1), (SELECT count(*) FROM charge_outbox)`).Scan(&charges, &operations, &waiting)
		if err == nil && charges+operations+waiting > 0 {
			err = fmt.Errorf("%d charges and %d operations are not decided, %d records wait to be answered", charges, operations, waiting)
		}
		return err
	})
}

// chargePage is a page of a till's charges.
type chargePage struct {
	Charges       []shownCharge
	NextPageToken string `json:"next_page_token"`
}

// readAll reads all charges of the till page by page, and compares them with those that were asked for.
func (t *till) readAll(ctx context.Context) error {
	shown := make(map[uuid.UUID]shownCharge)
	for token := ""; ; {
		var page chargePage
		err := pipes.Await(ctx, time.Minute, func(ctx context.Context) error {
			answer, kind := t.call(ctx, deskRequest{method: http.MethodGet, path: chargesPath + "?page_size=100&page_token=" + token})
			if kind != classOK {
				return fmt.Errorf("the charges of a merchant cannot be read: %s", kind)
			}
			page = chargePage{}
			return json.Unmarshal(answer.body, &page)
		})
		if err != nil {
			return err
		}
		for _, one := range page.Charges {
			if _, twice := shown[one.ID]; twice {
				t.load.observed.report(chargesKept, "charge %s is listed twice", one.ID)
			}
			shown[one.ID] = one
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	for _, c := range t.load.charges.all {
		if c.till != t {
			continue
		}
		one, there := shown[c.id]
		if !there {
			t.load.observed.report(chargesKept, "%s of %d was accepted as %s and is not listed", c.key, c.amount, c.id)
			continue
		}
		t.load.observed.reportIf(c.see(&one), chargesDecided)
		if one.Status == chargePending {
			t.load.observed.report(chargesDecided, "%s is not decided", c.key)
		}
		delete(shown, c.id)
	}
	for id := range shown {
		t.load.observed.report(chargesKept, "the payment gateway shows the charge %s, for which nobody asked", id)
	}
	return nil
}

// storedOperation is a row of an operation.
type storedOperation struct {
	charge  uuid.UUID
	amount  int64
	outcome int16
}

// operationDone is the outcome of an operation that was done.
const operationDone = 2

// checkOperations compares the operations that merchants asked for with those in the table.
func (r *run) checkOperations(ctx context.Context, connection *pgx.Conn) error {
	stored := make(map[uuid.UUID]storedOperation)
	rows, err := connection.Query(ctx, "SELECT id, charge_id, amount_minor, outcome FROM charge_operations")
	if err != nil {
		return err
	}
	var id [16]byte
	var charge [16]byte
	var one storedOperation
	if _, err = pgx.ForEachRow(rows, []any{&id, &charge, &one.amount, &one.outcome}, func() error {
		one.charge = charge
		stored[id] = one
		return nil
	}); err != nil {
		return err
	}
	report := r.load.observed.report
	for _, c := range r.load.charges.all {
		for _, o := range c.operations {
			if o.accepted == nil {
				continue
			}
			found, there := stored[o.id]
			switch {
			case !there || found.charge != c.id || o.amount > 0 && found.amount != o.amount:
				report(chargesKept, "%s of %d was accepted as %s, and is stored as %+v", o.key, o.amount, o.id, found)
			case !c.till.isLive() && found.outcome != operationDone:
				report(chargesDecided, "%s of %d in test mode has the outcome %d", o.key, o.amount, found.outcome)
			}
			delete(stored, o.id)
		}
	}
	for id := range stored {
		report(chargesKept, "there is the operation %s, for which nobody asked", id)
	}
	return nil
}

// chargeTables says how many rows there are.
type chargeTables struct{ charges, events int64 }

// tableRule is a query that counts what must not be.
type tableRule struct{ invariant, what, query string }

// alwaysOfCharges holds at every moment.
var alwaysOfCharges = []tableRule{
	{chargesDecided, "charges that were decided twice, or are decided without an event of it", `SELECT count(*) FROM charges c
		LEFT JOIN (SELECT charge_id, count(*) FILTER (WHERE kind = 2) AS decided, count(*) FILTER (WHERE kind = 1) AS accepted
			FROM charge_events GROUP BY 1) e ON e.charge_id = c.id
		WHERE coalesce(e.accepted, 0) <> 1 OR coalesce(e.decided, 0) <> (c.state <> 1)::int`},
	{chargesDecided, "operations that ended twice, or have ended without an event of it", `SELECT count(*) FROM charge_operations o
		LEFT JOIN (SELECT operation_id, count(*) FILTER (WHERE kind = 4) AS ended, count(*) FILTER (WHERE kind = 3) AS accepted
			FROM charge_events GROUP BY 1) e ON e.operation_id = o.id
		WHERE coalesce(e.accepted, 0) <> 1 OR coalesce(e.ended, 0) <> (o.outcome <> 1)::int`},
	{chargesDecided, "merchants and modes whose events have gaps", `SELECT count(*) FROM merchant_sequences s
		FULL JOIN (SELECT merchant, mode, count(*) AS events, max(sequence) AS last FROM charge_events GROUP BY 1, 2) e USING (merchant, mode)
		WHERE s.sequence IS DISTINCT FROM e.events OR s.sequence IS DISTINCT FROM e.last`},
	{chargesDecided, "keys of card data of decided charges", `SELECT count(*) FROM charge_keys k JOIN charges c ON c.id = k.charge_id WHERE c.state <> 1`},
	{chargeSums, "charges of which more is given back than was captured, or another amount than their refunds say", `SELECT count(*) FROM charges c
		LEFT JOIN (SELECT charge_id, sum(amount_minor) FILTER (WHERE outcome = 2) AS done, sum(amount_minor) FILTER (WHERE outcome = 1) AS open
			FROM charge_operations WHERE kind = 3 GROUP BY 1) r ON r.charge_id = c.id
		WHERE coalesce(r.done, 0) + coalesce(r.open, 0) > c.captured_minor
			OR c.refunded_minor <> coalesce(r.done, 0) OR c.reserved_minor <> coalesce(r.open, 0)`},
	{chargeSums, "balances that differ from the charges", `SELECT count(*) FROM charge_balances b
		FULL JOIN (SELECT merchant, mode, currency, sum(captured_minor) AS captured, sum(refunded_minor) AS refunded, sum(reserved_minor) AS reserved
			FROM charges GROUP BY 1, 2, 3) c USING (merchant, mode, currency)
		WHERE coalesce(b.captured_minor, 0) <> coalesce(c.captured, 0) OR coalesce(b.refunded_minor, 0) <> coalesce(c.refunded, 0)
			OR coalesce(b.reserved_minor, 0) <> coalesce(c.reserved, 0)`},
	{chargeSums, "balances that differ from the payouts", `SELECT count(*) FROM charge_balances b
		FULL JOIN (SELECT merchant, mode, currency, sum(amount_minor) FILTER (WHERE state = 2) AS paid, sum(amount_minor) FILTER (WHERE state = 1) AS paying
			FROM payouts GROUP BY 1, 2, 3) p USING (merchant, mode, currency)
		WHERE coalesce(b.paid_out_minor, 0) <> coalesce(p.paid, 0) OR coalesce(b.paying_out_minor, 0) <> coalesce(p.paying, 0)`},
}

// finallyOfCharges holds when everything is decided.
var finallyOfCharges = []tableRule{
	{chargesDecided, "keys of card data", "SELECT count(*) FROM charge_keys"},
	{chargeSums, "charges with refunds that are reserved", "SELECT count(*) FROM charges WHERE reserved_minor > 0"},
}

// checkChargeTables reports what the tables have that must not be. All rules see one moment.
func (r *run) checkChargeTables(ctx context.Context, connection *pgx.Conn, rules []tableRule) error {
	moment, err := connection.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	defer func() { _ = moment.Rollback(context.WithoutCancel(ctx)) }()
	for _, rule := range rules {
		var found int64
		if err := moment.QueryRow(ctx, rule.query).Scan(&found); err != nil {
			return fmt.Errorf("%s: %w", rule.what, err)
		}
		if found > 0 {
			r.load.observed.report(rule.invariant, "there are %d %s", found, rule.what)
		}
	}
	return nil
}

// chargeSampleInterval is how often the tables are looked at while faults are injected.
const chargeSampleInterval = 5 * time.Second

// sampleCharges looks at the tables again and again. The database may be down meanwhile.
func (r *run) sampleCharges(ctx context.Context) {
	for sleep(ctx, chargeSampleInterval) {
		connection, err := r.system.database(ctx, launch.CheckoutDatabase)
		if err != nil {
			continue
		}
		if r.checkChargeTables(ctx, connection, alwaysOfCharges) == nil {
			r.load.charges.samples.Add(1)
		}
		_ = connection.Close(context.WithoutCancel(ctx))
	}
}
