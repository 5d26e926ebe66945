// Package customer is the use case of who owns what: operators link customers to users, and every call of a
// user asks which customers are his.
package customer

import (
	"context"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/cache"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

const (
	// fresh is how long the customers of a user are kept before they are read again. A link is obeyed by
	// every replica within this time.
	fresh = 5 * time.Second
	// cachedUsers is how many users each of the two generations of the cache holds: at most about 20 MB.
	cachedUsers = 100_000
)

// errLinked refuses to take a customer from a user.
var errLinked = fault.New(fault.FailedPrecondition, "CUSTOMER_LINKED", "The customer is linked to another user.")

// Service links customers to users. It is safe for concurrent use.
type Service struct {
	links bank.CustomerLinks
	now   func() time.Time
	users *cache.Map[bank.ID, owned]
}

// owned are the customers of a user as of a time.
type owned struct {
	customers []bank.ID
	readAt    time.Time
}

// New returns the service of links. now is the clock of the links and of the cache.
func New(links bank.CustomerLinks, now func() time.Time) *Service {
	return &Service{links: links, now: now, users: cache.New[bank.ID, owned](cachedUsers)}
}

// LinkRequest asks for a customer to be linked to a user.
type LinkRequest struct {
	Customer string     // customers/{uuid}
	User     string     // users/{uuid}
	Actor    bank.Actor // the operator who asks
}

// Link makes a user the owner of a customer. A repeat returns the first link.
//
// Errors: fault.InvalidArgument with the name of the field; fault.FailedPrecondition CUSTOMER_LINKED when
// the customer is linked to another user; fault.Unavailable.
func (s *Service) Link(ctx context.Context, request LinkRequest) (bank.CustomerLink, error) {
	customer, err := field.ID("customer", "customers/", request.Customer)
	user, other := field.ID("user", "users/", request.User)
	if err := field.First(err, other); err != nil {
		return bank.CustomerLink{}, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	link, err := s.links.LinkCustomer(ctx,
		bank.CustomerLink{CustomerID: customer, UserID: user, LinkedAt: now, LinkedBy: request.Actor.Name},
		request.Actor.Record(now, bank.ActLink, request.Customer+" "+request.User, auditlog.ResultOK))
	if err != nil {
		return bank.CustomerLink{}, err
	}
	s.users.Put(user, owned{})
	s.users.Put(customer, owned{})
	if link.UserID != user {
		return bank.CustomerLink{}, errLinked
	}
	return link, nil
}

// Get returns the link of a customer by its name, "customers/{uuid}". One without a link belongs to the user
// with the same id. Errors: fault.InvalidArgument name; fault.Unavailable.
func (s *Service) Get(ctx context.Context, name string) (bank.CustomerLink, error) {
	customer, err := field.ID("name", "customers/", name)
	if err != nil {
		return bank.CustomerLink{}, err
	}
	links, err := s.links.LinksOf(ctx, customer)
	if err != nil {
		return bank.CustomerLink{}, err
	}
	for _, link := range links {
		if link.CustomerID == customer {
			return link, nil
		}
	}
	return bank.CustomerLink{CustomerID: customer, UserID: customer}, nil
}

// Of returns the customers that belong to a user: the one with the same id first, unless it is linked to
// another user, and then those that are linked to him. It is as of at most five seconds ago. Errors:
// fault.Unavailable.
func (s *Service) Of(ctx context.Context, user bank.ID) ([]bank.ID, error) {
	now := s.now()
	if known, ok := s.users.Get(user); ok && !now.Before(known.readAt) && now.Sub(known.readAt) < fresh {
		return known.customers, nil
	}
	return s.Fresh(ctx, user)
}

// Fresh is Of as of now, for an answer that stays for good.
func (s *Service) Fresh(ctx context.Context, user bank.ID) ([]bank.ID, error) {
	now := s.now()
	links, err := s.links.LinksOf(ctx, user)
	if err != nil {
		return nil, err
	}
	customers := []bank.ID{user}
	for _, link := range links {
		switch {
		case link.CustomerID == user && link.UserID != user:
			customers = customers[1:]
		case link.CustomerID != user:
			customers = append(customers, link.CustomerID)
		}
	}
	s.users.Put(user, owned{customers, now})
	return customers, nil
}
