package bank

import (
	"context"
	"time"

	"codebank.dev/platform/auditlog"
)

// CustomerLink says which user a customer belongs to. A customer without a link belongs to the user with
// the same id.
type CustomerLink struct {
	CustomerID, UserID ID
	// LinkedAt is in whole microseconds. LinkedBy is the name of the operator that has linked the customer.
	LinkedAt time.Time
	LinkedBy string
}

// CustomerLinks keeps the links of customers. fault.Unavailable as for Directory.
type CustomerLinks interface {
	// LinkCustomer stores a link unless the customer has one, and returns the link that the customer has
	// then. A store that has an audit log appends record in the commit of a new link.
	LinkCustomer(ctx context.Context, link CustomerLink, record auditlog.Record) (CustomerLink, error)
	// LinksOf returns the links to a user, and the link of the customer with the same id if there is one, in
	// the order of the customers' ids. None is no error.
	LinksOf(ctx context.Context, user ID) ([]CustomerLink, error)
}
