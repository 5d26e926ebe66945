package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/platform/id"
)

// claimOwners is how many owners one claim takes at most.
const claimOwners = 64

// claimEvents takes owners who have events that are not published, those first whom nobody has claimed for the longest
// time, and reads the events. Their rows are locked in one order. Only what is committed is seen, and within an owner events are committed in their order.
const claimEvents = `
WITH due AS (
	SELECT s.merchant, s.mode FROM merchant_sequences s LEFT JOIN charge_feed f ON f.merchant = s.merchant AND f.mode = s.mode
	WHERE s.sequence > coalesce(f.published, 0) AND coalesce(f.leased_until, '-infinity') <= now()
	ORDER BY coalesce(f.leased_until, '-infinity'), s.merchant, s.mode LIMIT $1
), claimed AS (
	INSERT INTO charge_feed AS f (merchant, mode, published, leased_until)
	SELECT merchant, mode, 0, now() + $3::interval FROM due ORDER BY merchant, mode
	ON CONFLICT (merchant, mode) DO UPDATE SET leased_until = excluded.leased_until WHERE f.leased_until <= now()
	RETURNING merchant, mode, published
)
SELECT e.merchant, e.mode, e.sequence, e.kind, e.charge_id, e.operation_id, e.version, e.state, e.captured_minor, e.refunded_minor,
	e.reserved_minor, e.at
FROM claimed CROSS JOIN LATERAL (
	SELECT * FROM charge_events WHERE merchant = claimed.merchant AND mode = claimed.mode AND sequence > claimed.published
	ORDER BY sequence LIMIT $2) e
ORDER BY e.merchant, e.mode, e.sequence`

const findCharges = "SELECT " + columns + " FROM charges WHERE id = ANY($1)"

// ClaimEvents implements payment.Publications.
func (s *Store) ClaimEvents(ctx context.Context, limit int, lease time.Duration) ([]payment.Change, error) {
	var events []payment.Event
	err := s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue(claimEvents, claimOwners, limit, lease).Query(into(scanEvent, &events))
	})
	if err != nil || len(events) == 0 {
		return nil, translate(err)
	}
	s.failpoint.At(failpoints.ChargeEventsClaimed)
	about := newApplication()
	var charges, operations []id.ID
	for i := range events {
		charges = append(charges, events[i].Charge)
		if !events[i].Operation.IsZero() {
			operations = append(operations, events[i].Operation)
		}
	}
	err = s.as(ctx, everybody, func(batch *pgx.Batch) { about.find(batch, findCharges, charges, operations) })
	if err != nil {
		return nil, translate(err)
	}
	changes := make([]payment.Change, 0, len(events))
	for i := range events {
		changes = append(changes, payment.AsOf(&events[i], about.charges[events[i].Charge], about.operations[events[i].Operation]))
	}
	return changes, nil
}

const announce = `UPDATE charge_feed SET published = greatest(published, $3), leased_until = now() WHERE merchant = $1 AND mode = $2`

// Announce implements payment.Publications.
func (s *Store) Announce(ctx context.Context, announced []payment.Announced) error {
	err := s.as(ctx, everybody, func(batch *pgx.Batch) {
		for i := range announced {
			batch.Queue(announce, announced[i].Merchant, int16(announced[i].Mode), announced[i].Sequence)
		}
	})
	s.failpoint.After(err, failpoints.ChargeEventsAnnounced)
	return translate(err)
}
