package postgres

import (
	"context"
	"errors"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"github.com/jackc/pgx/v5"
)

// errNothing ends an act that changes nothing: it is rolled back and not recorded.
var errNothing = errors.New("postgres: nothing changes")

// act commits a change together with its act. The change may complete the act, and sees a nil one as
// a change that is not recorded.
func (s *Store) act(ctx context.Context, act *identity.Act, change func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return appendAudit(ctx, tx, *act)
	})
	s.config.Failpoint.After(err, failpoints.ActCommitted)
	if errors.Is(err, errNothing) {
		return nil
	}
	return failure(err)
}

// head is the last row of the audit log, locked until the end of the transaction.
type head struct {
	sequence, ended int64
	hash            identity.Hash
}

func lockHead(ctx context.Context, tx pgx.Tx) (h head, err error) {
	var hash []byte
	err = tx.QueryRow(ctx, "SELECT sequence, hash, ended_sequence FROM audit_head FOR UPDATE").Scan(&h.sequence, &hash, &h.ended)
	copy(h.hash[:], hash)
	return h, err
}

func appendAudit(ctx context.Context, tx pgx.Tx, act identity.Act) error {
	head, err := lockHead(ctx, tx)
	if err != nil {
		return err
	}
	row := identity.Chain(head.sequence, head.hash, act)
	_, err = tx.Exec(ctx, `
WITH appended AS (
	INSERT INTO audit_log (sequence, at, act, who, what, address, trace_id, result, previous, hash)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
)
UPDATE audit_head SET sequence = $1, hash = $10`,
		row.Sequence, row.Act.At, string(row.Act.Name), row.Act.Who, row.Act.What, row.Act.Address, row.Act.Trace, row.Act.Result,
		row.Previous[:], row.Hash[:])
	return err
}
