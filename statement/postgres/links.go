package postgres

import (
	"context"

	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
)

// LinkCustomer makes a user the owner of a customer. A repeat changes nothing. The error is
// statement.ErrCustomerLinked if the customer is linked to another user, or Unavailable while the database is
// away.
func (s *Store) LinkCustomer(ctx context.Context, link statement.Link) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	_, err := s.pool.Exec(ctx, "INSERT INTO customer_links (customer_id, user_id, linked_by) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
		link.Customer.String(), link.User.String(), link.By)
	if err != nil {
		return failure(err)
	}
	s.config.Failpoint.At(failpoints.CustomerLinked)
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
