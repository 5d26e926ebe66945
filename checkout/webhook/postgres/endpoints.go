package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/id"
)

// columns are the columns that scanEndpoint reads.
const columns = `id, merchant, mode, url, description, types, enabled, disabled_why, failures, failing_since, version, created_at, changed_at`

func scanEndpoint(row pgx.CollectableRow) (e webhook.Endpoint, err error) {
	var failing *time.Time
	var types []string
	err = row.Scan((*[16]byte)(&e.ID), &e.Merchant, &e.Mode, &e.URL, &e.Description, &types, &e.Enabled, &e.DisabledWhy, &e.Failures,
		&failing, &e.Version, &e.CreatedAt, &e.ChangedAt)
	for _, one := range types {
		e.Types = append(e.Types, webhook.Type(one))
	}
	e.FailingSince, e.CreatedAt, e.ChangedAt = timeOf(failing), e.CreatedAt.UTC(), e.ChangedAt.UTC()
	return e, err
}

// lockCursor makes the merchant's cursor and locks it. A new one begins at his last event.
const lockCursor = `INSERT INTO webhook_cursors AS c (merchant, mode, sequence)
	VALUES ($1, $2, coalesce((SELECT sequence FROM merchant_sequences WHERE merchant = $1 AND mode = $2), 0))
	ON CONFLICT (merchant, mode) DO UPDATE SET sequence = c.sequence`

const countEndpoints = "SELECT count(*) FROM webhook_endpoints WHERE merchant = $1 AND mode = $2 AND deleted_at IS NULL"

// An endpoint gets what happens after the statement has begun.
const insertEndpoint = `INSERT INTO webhook_endpoints (id, merchant, mode, url, description, types, enabled, disabled_why, after, fingerprint, created_at, changed_at)
	VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $7 THEN '' ELSE 'MERCHANT' END,
		coalesce((SELECT sequence FROM merchant_sequences WHERE merchant = $2 AND mode = $3), 0), $8, $9, $9)
	ON CONFLICT (id) DO NOTHING RETURNING ` + columns

// Created is an endpoint with its first secret.
type Created struct {
	Endpoint webhook.Endpoint
	Secret   webhook.Secret
	// Known says that the request was made before. Secret is the endpoint's newest then.
	Known bool
}

// Create stores an endpoint of an owner, with a secret and with the record of the act. Its id is that of the request (webhook.EndpointID): a repeat
// stores nothing and is answered with the endpoint as it is now, and its newest secret. Errors:
// webhook.ErrTooManyEndpoints, payment.ErrKeyReused for another request under the id, webhook.ErrNoEndpoint if it was
// deleted, fault.Unavailable.
func (s *Store) Create(ctx context.Context, proposal *webhook.Endpoint, record auditlog.Record) (created Created, err error) {
	err = s.change(ctx, proposal.Owner, func(tx pgx.Tx) error {
		created = Created{Secret: webhook.NewSecret()}
		err := s.create(ctx, tx, proposal, &created)
		if err != nil || created.Known {
			return err
		}
		return table.Append(ctx, tx, record)
	})
	return created, err
}

// changeNamed commits a change of an endpoint with its record.
func (s *Store) changeNamed(ctx context.Context, name Name, work func(pgx.Tx) error) error {
	return s.change(ctx, name.Owner, func(tx pgx.Tx) error {
		if err := work(tx); err != nil {
			return err
		}
		return table.Append(ctx, tx, name.Record)
	})
}

// change commits a change of an owner's endpoints.
func (s *Store) change(ctx context.Context, owner payment.Owner, work func(pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, reading(ctx, readerOf(owner), work))
	s.failpoint.After(err, failpoints.WebhookEndpointChanged)
	return translate(err)
}

func (s *Store) create(ctx context.Context, tx pgx.Tx, proposal *webhook.Endpoint, created *Created) error {
	if _, err := tx.Exec(ctx, lockCursor, proposal.Merchant, int16(proposal.Mode)); err != nil {
		return err
	}
	known, err := s.repeated(ctx, tx, proposal, created)
	if err != nil || known {
		return err
	}
	var count int
	if err := tx.QueryRow(ctx, countEndpoints, proposal.Merchant, int16(proposal.Mode)).Scan(&count); err != nil {
		return err
	}
	if count >= webhook.MaxEndpoints {
		return webhook.ErrTooManyEndpoints
	}
	fingerprint := fingerprintOf(proposal)
	rows, err := tx.Query(ctx, insertEndpoint, [16]byte(proposal.ID), proposal.Merchant, int16(proposal.Mode), proposal.URL, proposal.Description,
		texts(proposal.Types), proposal.Enabled, fingerprint[:], proposal.CreatedAt)
	if err != nil {
		return err
	}
	if created.Endpoint, err = pgx.CollectExactlyOneRow(rows, scanEndpoint); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, insertSecret, [16]byte(proposal.ID), s.keys.Seal(proposal.ID, created.Secret))
	return err
}

const selectRequest = "SELECT fingerprint, deleted_at IS NOT NULL FROM webhook_endpoints WHERE id = $1"

// repeated fills in the answer to a request that was made before.
func (s *Store) repeated(ctx context.Context, tx pgx.Tx, proposal *webhook.Endpoint, created *Created) (known bool, err error) {
	var fingerprint []byte
	var deleted bool
	err = tx.QueryRow(ctx, selectRequest, [16]byte(proposal.ID)).Scan(&fingerprint, &deleted)
	if err == pgx.ErrNoRows {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	asked := fingerprintOf(proposal)
	switch {
	case !bytes.Equal(fingerprint, asked[:]):
		return true, payment.ErrKeyReused
	case deleted:
		return true, webhook.ErrNoEndpoint
	}
	created.Known = true
	if created.Endpoint, err = s.lock(ctx, tx, proposal.Owner, proposal.ID); err != nil {
		return true, err
	}
	live, err := s.secrets(ctx, tx, proposal.ID)
	if err == nil {
		created.Secret = live[0]
	}
	return true, err
}

// fingerprintOf returns a hash of what a request asks for.
func fingerprintOf(e *webhook.Endpoint) [sha256.Size]byte {
	asked, _ := json.Marshal(e.EndpointSettings) // texts and a boolean
	return sha256.Sum256(asked)
}

func texts(types []webhook.Type) []string {
	out := make([]string, 0, len(types))
	for _, one := range types {
		out = append(out, string(one))
	}
	return out
}

const lockEndpoint = "SELECT " + columns + ` FROM webhook_endpoints
	WHERE id = $1 AND merchant = $2 AND mode = $3 AND deleted_at IS NULL FOR NO KEY UPDATE`

// lock returns an endpoint of an owner and locks it. Error: webhook.ErrNoEndpoint.
func (s *Store) lock(ctx context.Context, tx pgx.Tx, owner payment.Owner, endpoint id.ID) (webhook.Endpoint, error) {
	rows, err := tx.Query(ctx, lockEndpoint, [16]byte(endpoint), owner.Merchant, int16(owner.Mode))
	if err != nil {
		return webhook.Endpoint{}, err
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanEndpoint)
	if err == pgx.ErrNoRows {
		err = webhook.ErrNoEndpoint
	}
	return found, err
}

const selectEndpoints = "SELECT " + columns + ` FROM webhook_endpoints
	WHERE merchant = $1 AND mode = $2 AND deleted_at IS NULL ORDER BY created_at, id`

// Endpoints returns all endpoints of an owner, the oldest first: webhook.MaxEndpoints at most.
func (s *Store) Endpoints(ctx context.Context, owner payment.Owner) (found []webhook.Endpoint, err error) {
	err = s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectEndpoints, owner.Merchant, int16(owner.Mode)).Query(into(scanEndpoint, &found))
	})
	return found, err
}

const selectEndpoint = "SELECT " + columns + " FROM webhook_endpoints WHERE id = $1 AND merchant = $2 AND mode = $3 AND deleted_at IS NULL"

// Endpoint returns an endpoint of an owner. Error: webhook.ErrNoEndpoint.
func (s *Store) Endpoint(ctx context.Context, owner payment.Owner, endpoint id.ID) (webhook.Endpoint, error) {
	var found []webhook.Endpoint
	err := s.as(ctx, readerOf(owner), func(batch *pgx.Batch) {
		batch.Queue(selectEndpoint, [16]byte(endpoint), owner.Merchant, int16(owner.Mode)).Query(into(scanEndpoint, &found))
	})
	if err == nil && len(found) == 0 {
		err = webhook.ErrNoEndpoint
	}
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return found[0], nil
}

// Name names an endpoint of an owner, as somebody has read it. Version is 0 for any.
type Name struct {
	payment.Owner
	ID      id.ID
	Version int64
	// Record is committed with a change of the endpoint; only reading needs none.
	Record auditlog.Record
}

// named returns an endpoint and locks it. Errors: webhook.ErrNoEndpoint, webhook.ErrChanged if it has another version.
func (s *Store) named(ctx context.Context, tx pgx.Tx, name Name) (webhook.Endpoint, error) {
	found, err := s.lock(ctx, tx, name.Owner, name.ID)
	if err == nil && name.Version != 0 && name.Version != found.Version {
		err = webhook.ErrChanged
	}
	return found, err
}

// An endpoint that is switched on again gets what happens from then on, and counts as one that answers.
const updateEndpoint = `UPDATE webhook_endpoints e SET url = $2, description = $3, types = $4, enabled = $5, version = version + 1, changed_at = $6,
	disabled_why = CASE WHEN $5 THEN '' WHEN enabled THEN 'MERCHANT' ELSE disabled_why END,
	after = CASE WHEN $5 AND NOT enabled THEN greatest(after, coalesce((SELECT sequence FROM merchant_sequences s
		WHERE s.merchant = e.merchant AND s.mode = e.mode), 0)) ELSE after END,
	failures = CASE WHEN $5 AND NOT enabled THEN 0 ELSE failures END,
	failing_since = CASE WHEN $5 AND NOT enabled THEN NULL ELSE failing_since END
	WHERE id = $1 RETURNING ` + columns

// Change changes the settings of an endpoint: settings is given those that it has.
// Errors: webhook.ErrNoEndpoint, webhook.ErrChanged, those of settings, fault.Unavailable.
func (s *Store) Change(ctx context.Context, name Name, now time.Time, settings func(*webhook.EndpointSettings) error) (changed webhook.Endpoint, err error) {
	err = s.changeNamed(ctx, name, func(tx pgx.Tx) error {
		found, err := s.named(ctx, tx, name)
		if err == nil {
			err = settings(&found.EndpointSettings)
		}
		if err == nil {
			changed, err = s.update(ctx, tx, &found, now)
		}
		return err
	})
	return changed, err
}

func (s *Store) update(ctx context.Context, tx pgx.Tx, e *webhook.Endpoint, now time.Time) (webhook.Endpoint, error) {
	rows, err := tx.Query(ctx, updateEndpoint, [16]byte(e.ID), e.URL, e.Description, texts(e.Types), e.Enabled, now)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	changed, err := pgx.CollectExactlyOneRow(rows, scanEndpoint)
	if err == nil && !changed.Enabled {
		err = s.dropSoon(ctx, tx, e.ID, now)
	}
	return changed, err
}

// dropSoon makes the job run of an endpoint that is off, which drops what waits for it.
func (s *Store) dropSoon(ctx context.Context, tx pgx.Tx, endpoint id.ID, now time.Time) error {
	return s.jobs.Deliver(ctx, tx, webhook.Job{Endpoint: endpoint, At: now, Apart: true})
}

const (
	deleteEndpoint = "UPDATE webhook_endpoints SET deleted_at = $2, enabled = false, disabled_why = 'MERCHANT', version = version + 1, changed_at = $2 WHERE id = $1"
	deleteSecrets  = "DELETE FROM webhook_secrets WHERE endpoint = $1"
	// deleteCursor ends the dispatching of a merchant without endpoints.
	deleteCursor = `DELETE FROM webhook_cursors WHERE merchant = $1 AND mode = $2 AND NOT EXISTS (
		SELECT FROM webhook_endpoints WHERE merchant = $1 AND mode = $2 AND deleted_at IS NULL)`
)

// Delete deletes an endpoint with its secrets. What is still to be sent to it is dropped. Errors:
// webhook.ErrNoEndpoint, webhook.ErrChanged, fault.Unavailable.
func (s *Store) Delete(ctx context.Context, name Name, now time.Time) error {
	return s.changeNamed(ctx, name, func(tx pgx.Tx) error { return s.remove(ctx, tx, name, now) })
}

func (s *Store) remove(ctx context.Context, tx pgx.Tx, name Name, now time.Time) error {
	if _, err := tx.Exec(ctx, lockCursor, name.Merchant, int16(name.Mode)); err != nil {
		return err
	}
	if _, err := s.named(ctx, tx, name); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	batch.Queue(deleteEndpoint, [16]byte(name.ID), now)
	batch.Queue(deleteSecrets, [16]byte(name.ID))
	batch.Queue(deleteCursor, name.Merchant, int16(name.Mode))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return s.dropSoon(ctx, tx, name.ID, now)
}
