package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// deskInterval is the wait between two looks for decisions. A decision is seen so much later at most.
const deskInterval = 5 * time.Millisecond

// desk tells who waits for a charge that it was decided. It reads the events of each merchant behind the last one that
// it has seen, which costs the database little, and no request of the gateway's.
type desk struct {
	arrivals
	connection *pgx.Conn
	merchants  []chargingMerchant
	stop       context.CancelFunc
	ended      chan struct{}
}

func newDesk(ctx context.Context, w *workbench, merchants []chargingMerchant) (*desk, error) {
	connection, err := w.connect(ctx, chargesDatabase)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	d := &desk{arrivals: newArrivals(), connection: connection, merchants: merchants, stop: stop, ended: make(chan struct{})}
	go d.run(ctx)
	return d, nil
}

func (d *desk) close() error {
	d.stop()
	<-d.ended
	return d.connection.Close(context.Background())
}

// selectDecisions reads the decisions behind the last event of each merchant and mode that was seen.
const selectDecisions = `SELECT seen.n, e.sequence, e.charge_id, e.state
	FROM unnest($1::text[], $2::smallint[], $3::bigint[]) WITH ORDINALITY AS seen (merchant, mode, sequence, n),
	LATERAL (SELECT sequence, charge_id, state FROM charge_events
		WHERE merchant = seen.merchant AND mode = seen.mode AND sequence > seen.sequence AND kind = 2 ORDER BY sequence) e`

// stateApproved is that of a charge, as the database has it.
const stateApproved = 4

func (d *desk) run(ctx context.Context) {
	defer close(d.ended)
	var merchants []string
	var modes []int16
	for _, m := range d.merchants {
		merchants, modes = append(merchants, m.slug, m.slug), append(modes, testMode, liveMode)
	}
	seen := make([]int64, len(modes))
	for ctx.Err() == nil {
		if err := d.read(ctx, merchants, modes, seen); err != nil && ctx.Err() == nil {
			d.fail(err)
			return
		}
		wait(ctx, deskInterval)
	}
}

// read tells of the decisions behind those that were seen, and notes them as seen.
func (d *desk) read(ctx context.Context, merchants []string, modes []int16, seen []int64) error {
	rows, err := d.connection.Query(ctx, selectDecisions, merchants, modes, seen)
	if err != nil {
		return err
	}
	var of, sequence int64
	var charge uuid.UUID
	var state int16
	_, err = pgx.ForEachRow(rows, []any{&of, &sequence, &charge, &state}, func() error {
		if state != stateApproved {
			return fmt.Errorf("the charge %s is in state %d, and not approved", charge, state)
		}
		seen[of-1] = max(seen[of-1], sequence)
		d.tell(charge)
		return nil
	})
	return err
}
