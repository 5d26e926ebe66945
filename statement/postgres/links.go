package postgres

import (
	"context"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

// LinkCustomer makes a user the owner of a customer, and commits the record of it with the link. A repeat and
// a refusal change nothing and have no record. The error is statement.ErrCustomerLinked if the customer is
// linked to another user, or Unavailable while the database is away.
func (s *Store) LinkCustomer(ctx context.Context, link statement.Link, record auditlog.Record) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		inserted, err := tx.Exec(ctx, "INSERT INTO customer_links (customer_id, user_id, linked_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
			link.Customer.String(), link.User.String(), link.By)
		if err != nil || inserted.RowsAffected() == 0 {
			return err
		}
		return table.Append(ctx, tx, record)
	})
	s.config.Failpoint.After(err, failpoints.CustomerLinked)
	if err != nil {
		return failure(err)
	}
	var user string
	err = s.pool.QueryRow(ctx, "SELECT user_id FROM customer_links WHERE customer_id = $1", link.Customer.String()).Scan(&user)
	if err != nil {
		return failure(err)
	}
	if user != link.User.String() {
		return statement.ErrCustomerLinked
	}
	return nil
}

// AuditHead returns the head of the audit log.
func (s *Store) AuditHead(ctx context.Context) (auditlog.Head, error) { return table.Head(ctx, s.pool) }
