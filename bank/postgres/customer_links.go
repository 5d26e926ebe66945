package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database/wire"
	"github.com/jackc/pgx/v5"
)

const linkColumns = `customer_id, user_id, linked_at, linked_by`

var (
	linkOfCustomer = &wire.Statement{Name: "link_of_customer", SQL: `SELECT ` + linkColumns + ` FROM customer_links WHERE customer_id = $1::uuid`}
	// linksOfUser reads by two indexes; with OR it would need a scan.
	linksOfUser = &wire.Statement{Name: "links_of_user", SQL: `SELECT ` + linkColumns + ` FROM customer_links WHERE user_id = $1::uuid
		UNION SELECT ` + linkColumns + ` FROM customer_links WHERE customer_id = $1::uuid ORDER BY customer_id`}
)

// LinkCustomer implements bank.CustomerLinks. The link is read by a statement of its own, which sees what
// another process has stored in the meantime.
func (s *Store) LinkCustomer(ctx context.Context, link bank.CustomerLink, record auditlog.Record) (stored bank.CustomerLink, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		inserted, err := tx.Exec(ctx, `INSERT INTO customer_links (`+linkColumns+`) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			link.CustomerID.String(), link.UserID.String(), link.LinkedAt, link.LinkedBy)
		if err != nil || inserted.RowsAffected() == 0 {
			return err
		}
		return table.Append(ctx, tx, record)
	})
	s.config.Failpoint.After(err, failpoints.LinkStored)
	if err != nil {
		return bank.CustomerLink{}, unavailable(err)
	}
	err = s.one(ctx, linkOfCustomer, func(p *wire.Parameters) { p.UUIDArgument(link.CustomerID) }, func(r wire.Row) { stored = linkOf(&r) })
	return stored, err
}

// LinksOf implements bank.CustomerLinks.
func (s *Store) LinksOf(ctx context.Context, user bank.ID) (links []bank.CustomerLink, err error) {
	err = s.query(ctx, linksOfUser, func(p *wire.Parameters) { p.UUIDArgument(user) }, func(r wire.Row) { links = append(links, linkOf(&r)) })
	return links, err
}

func linkOf(r *wire.Row) bank.CustomerLink {
	return bank.CustomerLink{CustomerID: r.UUID(), UserID: r.UUID(), LinkedAt: r.Timestamp(), LinkedBy: r.Text()}
}
