package postgres

import (
	"context"
	"errors"

	"codebank.dev/identity/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"github.com/jackc/pgx/v5"
)

// errNothing ends an act that changes nothing: it is rolled back and not recorded.
var errNothing = errors.New("postgres: nothing changes")

// act commits a change together with its act. The change may complete the act, and returns errNothing
// if nothing changes.
func (s *Store) act(ctx context.Context, act *auditlog.Record, change func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return table.Append(ctx, tx, *act)
	})
	s.config.Failpoint.After(err, failpoints.ActCommitted)
	if errors.Is(err, errNothing) {
		return nil
	}
	if err == nil {
		s.counters.count(func(stats *Stats) { stats.Acts[act.Act]++ })
	}
	return failure(err)
}

// Record implements identity.Guard.
func (s *Store) Record(ctx context.Context, act auditlog.Record) error {
	return s.act(ctx, &act, func(pgx.Tx) error { return nil })
}

// AuditHead returns the head of the audit log.
func (s *Store) AuditHead(ctx context.Context) (auditlog.Head, error) { return table.Head(ctx, s.pool) }
