package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/gateway"
	"codebank.dev/gateway/failpoints"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

var _ gateway.Store = (*Store)(nil)

// oneByOne lets one transfer of a user be accepted at a time, until the commit. So each counts those before it.
const oneByOne = "SELECT pg_advisory_xact_lock($1)"

// accept stores a transfer and its command, or neither if the transfer is known or the user has too many that are
// processing. It reads no more than the entries of the index up to the limit.
const accept = `
WITH accepted AS (
	INSERT INTO transfers (id, user_id, from_account_id, to_account_id, amount_minor, currency, message, status, error, created_at, updated_at)
	SELECT $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::bigint, $6::text, $7::text, 'processing', '', $8::timestamptz, $8::timestamptz
	WHERE (SELECT count(*) FROM (SELECT FROM transfers WHERE user_id = $2 AND status = 'processing' LIMIT $16) waiting) < $16
	ON CONFLICT (id) DO NOTHING RETURNING id
)
INSERT INTO outbox (id, topic, key, schema_folder, schema_version, body, mac_key_id, mac, created_at, due_at)
SELECT id, $9, $10, $11, $12, $13, $14, $15, $8, now() FROM accepted`

// Accept implements gateway.Store. The command has the two headers of its MAC and no others.
func (s *Store) Accept(ctx context.Context, transfer gateway.Transfer, row outbox.Row) (gateway.Transfer, bool, error) {
	var keyID, mac string
	for _, header := range row.Headers {
		switch header.Key {
		case command.HeaderKey:
			keyID = string(header.Value)
		case command.HeaderMAC:
			mac = string(header.Value)
		}
	}
	stored := false
	err := s.as(ctx, transfer.UserID.String(), func(batch *pgx.Batch) {
		batch.Queue(oneByOne, int64(binary.BigEndian.Uint64(transfer.UserID[:])))
		batch.Queue(accept, [16]byte(transfer.ID), [16]byte(transfer.UserID), [16]byte(transfer.From), [16]byte(transfer.To),
			transfer.AmountMinor, transfer.Currency, transfer.Message, transfer.CreatedAt,
			row.Topic, row.Key, row.Folder, row.Version, row.Body, keyID, mac, gateway.MaxProcessing,
		).Query(func(rows pgx.Rows) error {
			rows.Close()
			stored = rows.CommandTag().RowsAffected() == 1
			return rows.Err()
		})
	})
	s.config.Failpoint.After(err, failpoints.TransferAccepted)
	if err != nil {
		return gateway.Transfer{}, false, failure(err)
	}
	if stored {
		return transfer, false, nil
	}
	known, err := s.Transfer(ctx, transfer.UserID, transfer.ID)
	if errors.Is(err, gateway.ErrNoTransfer) {
		err = gateway.ErrTooMany
	}
	return known, err == nil, err
}

// columns are the columns that scanTransfer reads.
const columns = "id, user_id, from_account_id, to_account_id, amount_minor, currency, message, status, error, transaction_id, sequence, created_at, updated_at"

func scanTransfer(row pgx.CollectableRow) (transfer gateway.Transfer, err error) {
	var status string
	var transaction *[16]byte
	var sequence *int64
	err = row.Scan((*[16]byte)(&transfer.ID), (*[16]byte)(&transfer.UserID), (*[16]byte)(&transfer.From), (*[16]byte)(&transfer.To),
		&transfer.AmountMinor, &transfer.Currency, &transfer.Message, &status, &transfer.Error, &transaction, &sequence,
		&transfer.CreatedAt, &transfer.UpdatedAt)
	transfer.Status = gateway.Status(status)
	if transaction != nil {
		transfer.TransactionID = *transaction
	}
	if sequence != nil {
		transfer.Sequence = *sequence
	}
	transfer.CreatedAt, transfer.UpdatedAt = transfer.CreatedAt.UTC(), transfer.UpdatedAt.UTC()
	return transfer, err
}

// Transfer implements gateway.Store.
func (s *Store) Transfer(ctx context.Context, user, transfer id.ID) (gateway.Transfer, error) {
	found, err := s.query(ctx, user, "SELECT "+columns+" FROM transfers WHERE user_id = $1 AND id = $2", [16]byte(user), [16]byte(transfer))
	if err == nil && len(found) == 0 {
		err = gateway.ErrNoTransfer
	}
	if err != nil {
		return gateway.Transfer{}, err
	}
	return found[0], nil
}

// query returns the transfers that a query finds, as a user sees them.
func (s *Store) query(ctx context.Context, user id.ID, query string, args ...any) (found []gateway.Transfer, err error) {
	err = s.as(ctx, user.String(), func(batch *pgx.Batch) {
		batch.Queue(query, args...).Query(func(rows pgx.Rows) error {
			found, err = pgx.CollectRows(rows, scanTransfer)
			return err
		})
	})
	return found, failure(err)
}

// page is a page of a user's transfers behind a place.
const page = "SELECT " + columns + ` FROM transfers
WHERE user_id = $1 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $4`

// pageOfStatus is page for one status.
const pageOfStatus = "SELECT " + columns + ` FROM transfers
WHERE user_id = $1 AND (created_at, id) < ($2, $3) AND status = $5 ORDER BY created_at DESC, id DESC LIMIT $4`

// Transfers implements gateway.Store.
func (s *Store) Transfers(ctx context.Context, user id.ID, wanted gateway.Page) ([]gateway.Transfer, error) {
	place := gateway.Place{CreatedAtMicros: farFuture}
	if wanted.After != nil {
		place = *wanted.After
	}
	args := []any{[16]byte(user), time.UnixMicro(place.CreatedAtMicros), [16]byte(place.ID), wanted.Size}
	if wanted.Status == "" {
		return s.query(ctx, user, page, args...)
	}
	return s.query(ctx, user, pageOfStatus, append(args, string(wanted.Status))...)
}

// farFuture is microseconds since 1970 in the year 9999, behind every transfer.
const farFuture = 253_370_764_800_000_000

// end ends transfers that are processing and deletes the commands of all that are given. The locks are taken in
// the order of ids, so that two that end the same transfers do not wait for each other.
const end = `
WITH given AS (
	SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::timestamptz[])
		AS given (id, status, error, transaction_id, sequence, at)
), processing AS (
	SELECT id FROM transfers WHERE id = ANY($1) AND status = 'processing' ORDER BY id FOR NO KEY UPDATE
), ended AS (
	UPDATE transfers SET status = given.status, error = given.error, transaction_id = given.transaction_id, sequence = given.sequence,
		updated_at = greatest(given.at, created_at)
	FROM processing JOIN given USING (id) WHERE transfers.id = processing.id RETURNING transfers.id
)
SELECT id FROM ended`

// forget deletes commands, whose locks it takes in the order of ids.
const forget = `
WITH locked AS (SELECT id FROM outbox WHERE id = ANY($1) ORDER BY id FOR UPDATE)
DELETE FROM outbox USING locked WHERE outbox.id = locked.id`

// End implements gateway.Store. Of several endings of a transfer the first counts.
func (s *Store) End(ctx context.Context, endings []gateway.Ending) ([]gateway.Ending, error) {
	first := make(map[id.ID]gateway.Ending, len(endings))
	var rows endingRows
	for _, ending := range endings {
		if _, twice := first[ending.ID]; !twice {
			first[ending.ID] = ending
			rows.add(&ending)
		}
	}
	var ended [][16]byte
	err := s.as(ctx, everybody, func(batch *pgx.Batch) { rows.queue(batch, &ended) })
	s.config.Failpoint.After(err, failpoints.TransfersEnded)
	if err != nil {
		return nil, failure(err)
	}
	changed := make([]gateway.Ending, 0, len(ended))
	for _, transfer := range ended {
		changed = append(changed, first[transfer])
	}
	return changed, nil
}

// endingRows are endings in columns.
type endingRows struct {
	ids              [][16]byte
	statuses, errors []string
	transactions     []*[16]byte
	sequences        []*int64
	times            []time.Time
}

func (r *endingRows) add(ending *gateway.Ending) {
	var transaction *[16]byte
	var sequence *int64
	if ending.Status == gateway.Completed {
		transaction, sequence = (*[16]byte)(&ending.TransactionID), &ending.Sequence
	}
	r.ids, r.statuses, r.errors = append(r.ids, ending.ID), append(r.statuses, string(ending.Status)), append(r.errors, ending.Error)
	r.transactions, r.sequences, r.times = append(r.transactions, transaction), append(r.sequences, sequence), append(r.times, ending.At)
}

// queue adds the two statements, which belong to one commit. The ids of the transfers that it ends go to ended.
func (r *endingRows) queue(batch *pgx.Batch, ended *[][16]byte) {
	batch.Queue(end, r.ids, r.statuses, r.errors, r.transactions, r.sequences, r.times).Query(func(found pgx.Rows) (err error) {
		*ended, err = pgx.CollectRows(found, pgx.RowTo[[16]byte])
		return err
	})
	batch.Queue(forget, r.ids)
}

// Backlog returns how many transfers are processing, and since when the oldest of them is; the zero time if there
// is none.
func (s *Store) Backlog(ctx context.Context) (waiting int64, oldest time.Time, err error) {
	var since *time.Time
	err = s.as(ctx, everybody, func(batch *pgx.Batch) {
		batch.Queue("SELECT count(*), min(created_at) FROM outbox").QueryRow(func(row pgx.Row) error { return row.Scan(&waiting, &since) })
	})
	if since != nil {
		oldest = *since
	}
	return waiting, oldest, failure(err)
}
