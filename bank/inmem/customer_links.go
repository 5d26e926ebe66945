package inmem

import (
	"bytes"
	"context"
	"slices"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
)

// LinkCustomer implements bank.CustomerLinks. The ledger in memory has no audit log.
func (s *Store) LinkCustomer(ctx context.Context, link bank.CustomerLink, _ auditlog.Record) (bank.CustomerLink, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return bank.CustomerLink{}, err
	}
	if stored, ok := s.links[link.CustomerID]; ok {
		return stored, nil
	}
	s.links[link.CustomerID] = link
	return link, nil
}

// LinksOf implements bank.CustomerLinks.
func (s *Store) LinksOf(ctx context.Context, user bank.ID) (links []bank.CustomerLink, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	for _, link := range s.links {
		if link.UserID == user || link.CustomerID == user {
			links = append(links, link)
		}
	}
	slices.SortFunc(links, func(a, b bank.CustomerLink) int { return bytes.Compare(a.CustomerID[:], b.CustomerID[:]) })
	return links, nil
}
