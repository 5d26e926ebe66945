package chaos

import (
	"context"
	"fmt"
	"time"

	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
)

const (
	// sumInterval is how often the balances of all wallets are summed while faults are injected.
	sumInterval = 500 * time.Millisecond
	// openHoldTimeout bounds the wait after the load until nothing is set aside.
	openHoldTimeout = time.Minute
	// holdEndsWithin is how long after its expiry a hold may be open, counted while the ledger works.
	holdEndsWithin = 5 * time.Second
)

// transferAccounts returns the ids of the wallets that exchange money with one another alone.
func (l *load) transferAccounts() (ids [][16]byte) {
	for i := range uint32(transferWallets) {
		ids = append(ids, idOf(l.wallets.get(i).account))
	}
	return ids
}

// sampleSums sums the balances of the wallets again and again. A single query sees one moment, and
// at every moment the sum is what was paid in. The database may be down meanwhile.
func (r *run) sampleSums(ctx context.Context) {
	var ledger *pgx.Conn
	for sleep(ctx, sumInterval) {
		var err error
		if ledger == nil {
			if ledger, err = r.system.database(ctx, launch.LedgerDatabase); err != nil {
				continue
			}
		}
		if r.checkSum(ctx, ledger) == nil && r.checkCommandSum(ctx, ledger) == nil {
			r.journal.addFigure("sums of all wallets under load", 1)
			continue
		}
		_ = ledger.Close(context.WithoutCancel(ctx))
		ledger = nil
	}
	if ledger != nil {
		_ = ledger.Close(context.WithoutCancel(ctx))
	}
}

// checkSum sums the balances of the wallets that exchange money. It returns an error if the
// database does not answer.
func (r *run) checkSum(ctx context.Context, ledger *pgx.Conn) error {
	return r.checkSumOf(ctx, ledger, group{transfersWhole, r.load.transferAccounts(), transferWallets * transferDeposit})
}

// checkCommandSum is checkSum for the wallets of the gateway's customers.
func (r *run) checkCommandSum(ctx context.Context, ledger *pgx.Conn) error {
	err := r.checkSumOf(ctx, ledger, group{commandSums, r.load.commands.accounts(), gatewayCustomers * walletsOfCustomer * customerDeposit})
	if err == nil {
		r.load.commands.sums.Add(1)
	}
	return err
}

// group is a group of wallets that exchange money with one another alone.
type group struct {
	// invariant is violated if they have another sum than what was paid in.
	invariant string
	accounts  [][16]byte
	paidIn    int64
}

func (r *run) checkSumOf(ctx context.Context, ledger *pgx.Conn, g group) error {
	var sum, least int64
	err := ledger.QueryRow(ctx, "SELECT sum(balance), min(balance - held) FROM accounts WHERE id = ANY($1)", g.accounts).Scan(&sum, &least)
	if err != nil {
		return err
	}
	if sum != g.paidIn {
		r.load.observed.report(g.invariant, "all wallets together have %d and were given %d", sum, g.paidIn)
	}
	if least < 0 {
		r.load.observed.report("I2", "a wallet has %d available", least)
	}
	return nil
}

// transferCounts are the approved transfers and their returns in the ledger, and their lines on the
// statement.
type transferCounts struct{ transfers, lines int64 }

// checkTransfers sums the wallets a last time, and compares the ledger's transfers with their lines
// on both statements.
func (r *run) checkTransfers(ctx context.Context, ledger *pgx.Conn) (c transferCounts, err error) {
	if err := r.checkSum(ctx, ledger); err != nil {
		return c, err
	}
	err = ledger.QueryRow(ctx, "SELECT count(*) FROM entries WHERE kind = 7 AND status = 1 AND leg = 0").Scan(&c.transfers)
	if err != nil {
		return c, err
	}
	statement, err := r.system.database(ctx, launch.StatementDatabase)
	if err != nil {
		return c, err
	}
	defer statement.Close(context.WithoutCancel(ctx))
	var shown, halves int64
	err = statement.QueryRow(ctx, `SELECT count(*), coalesce(sum(lines), 0), count(*) FILTER (WHERE lines <> 2 OR accounts <> 2 OR debit <> credit) FROM (
		SELECT count(*) AS lines, count(DISTINCT account_id) AS accounts,
			sum(amount_minor) FILTER (WHERE direction = 'DEBIT') AS debit, sum(amount_minor) FILTER (WHERE direction = 'CREDIT') AS credit
		FROM statement_lines WHERE kind = 'TRANSFER' AND status = 'APPROVED' GROUP BY transaction_id) t`).Scan(&shown, &c.lines, &halves)
	if err != nil {
		return c, err
	}
	if shown != c.transfers || halves > 0 {
		r.load.observed.report(transfersWhole, "%d transfers are approved, %d are on a statement, %d of these not once on each side", c.transfers, shown, halves)
	}
	return c, nil
}

// awaitHoldsEnded waits until nothing is set aside.
func (r *run) awaitHoldsEnded(ctx context.Context, ledger *pgx.Conn) {
	err := pipes.Await(ctx, openHoldTimeout, func(ctx context.Context) error {
		var accounts, held int64
		if err := ledger.QueryRow(ctx, "SELECT count(*), coalesce(sum(held), 0) FROM accounts WHERE held <> 0").Scan(&accounts, &held); err != nil {
			return err
		}
		if accounts > 0 {
			return fmt.Errorf("%d is still set aside on %d accounts", held, accounts)
		}
		return nil
	})
	if err != nil {
		r.load.observed.report(holdsEnd, "%v", err)
	}
}

// measureExpiries measures how late holds ended by themselves. The ledger works in every quarter of
// a second in which it takes entries; only these count, so that a time in which no bank is up does
// not.
func (r *run) measureExpiries(ctx context.Context, ledger *pgx.Conn) error {
	// Without MATERIALIZED the server would read all entries again for each expiry.
	rows, err := ledger.Query(ctx, `WITH working AS MATERIALIZED (
			SELECT DISTINCT date_bin('250 milliseconds', occurred_at, 'epoch') AS at FROM entries
		)
		SELECT (SELECT count(*) FROM working WHERE at >= h.hold_expires_at AND at < e.occurred_at)
		FROM entries e JOIN entries h ON h.transaction_id = e.original_transaction_id AND h.leg = 0
		WHERE e.kind = 11`)
	if err != nil {
		return err
	}
	var quarters int64
	_, err = pgx.ForEachRow(rows, []any{&quarters}, func() error {
		r.journal.addRecovery(holdExpired, time.Duration(quarters)*250*time.Millisecond)
		return nil
	})
	return err
}
