package bench

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"codebank.dev/stack/launch"
)

// pixDesk tells who waits for a payment between banks that it was completed, by its hold. It reads the entries of each
// payer behind the last one that it has seen, and asks nothing of the banks.
type pixDesk struct {
	arrivals
	connection *pgx.Conn
	accounts   []uuid.UUID
	stop       context.CancelFunc
	ended      chan struct{}
}

func newPixDesk(ctx context.Context, w *workbench, payers []string) (*pixDesk, error) {
	connection, err := w.connect(ctx, launch.FirstBank().LedgerDatabase)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	d := &pixDesk{arrivals: newArrivals(), connection: connection, stop: stop, ended: make(chan struct{})}
	for _, payer := range payers {
		d.accounts = append(d.accounts, uuid.MustParse(payer[len("accounts/"):]))
	}
	go d.run(ctx)
	return d, nil
}

func (d *pixDesk) close() error {
	d.stop()
	<-d.ended
	return d.connection.Close(context.Background())
}

// selectCompleted reads the entries behind the last one of each payer, with the hold if the entry captures it.
const selectCompleted = `SELECT seen.n, e.sequence, CASE WHEN e.kind = 12 THEN e.original_transaction_id END
	FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS seen (account, sequence, n),
	LATERAL (SELECT sequence, kind, original_transaction_id FROM entries
		WHERE account_id = seen.account AND sequence > seen.sequence ORDER BY sequence) e`

func (d *pixDesk) run(ctx context.Context) {
	defer close(d.ended)
	seen := make([]int64, len(d.accounts))
	for ctx.Err() == nil {
		if err := d.read(ctx, seen); err != nil && ctx.Err() == nil {
			d.fail(err)
			return
		}
		wait(ctx, deskInterval)
	}
}

// read tells of the payments behind those that were seen, and notes them as seen.
func (d *pixDesk) read(ctx context.Context, seen []int64) error {
	rows, err := d.connection.Query(ctx, selectCompleted, d.accounts, seen)
	if err != nil {
		return err
	}
	var of, sequence int64
	var hold *uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&of, &sequence, &hold}, func() error {
		seen[of-1] = max(seen[of-1], sequence)
		if hold != nil {
			d.tell(*hold)
		}
		return nil
	})
	return err
}
