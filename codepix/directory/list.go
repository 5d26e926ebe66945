package directory

import (
	"context"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// Pages bounds the pages of lists.
const (
	usualPage = 100
	maxPage   = 1000
)

// List asks for a page of what belongs to a bank.
type List struct {
	// AccountID is the only account; empty for all.
	AccountID string
	// Size is how many to return; 0 leaves it to the service.
	Size int32
}

// check returns the account, zero for all, and the size of the page.
func (l *List) check() (account id.ID, size int, err error) {
	if size, err = field.PageSize("page_size", l.Size, usualPage, maxPage); err != nil || l.AccountID == "" {
		return id.ID{}, size, err
	}
	of, err := party("account_id", "", l.AccountID)
	return of.AccountID, size, err
}

// ListKeys returns a page of a bank's entries in the order of their places, and whether more follow. Errors:
// InvalidArgument account_id, page_size.
func (s *Service) ListKeys(ctx context.Context, bankCode string, list List, after Place) (entries []Entry, more bool, err error) {
	account, size, err := list.check()
	if err != nil {
		return nil, false, err
	}
	entries, err = s.config.Store.Entries(ctx, EntryQuery{BankCode: bankCode, Account: account, After: after, Size: size + 1})
	if more = len(entries) > size; more {
		entries = entries[:size]
	}
	return entries, more, err
}

// ListClaims returns a page of the claims in which a bank takes part, the newest first, and whether more follow.
// Errors: InvalidArgument account_id, page_size.
func (s *Service) ListClaims(ctx context.Context, bankCode string, list List, before ClaimPlace) (claims []Claim, more bool, err error) {
	account, size, err := list.check()
	if err != nil {
		return nil, false, err
	}
	claims, err = s.config.Store.ClaimsOf(ctx, ClaimQuery{BankCode: bankCode, Account: account, Before: before, Size: size + 1})
	if more = len(claims) > size; more {
		claims = claims[:size]
	}
	return claims, more, err
}

// Tallies returns the digests over a bank's keys by kind, and the name of the secret that they are made with.
func (s *Service) Tallies(ctx context.Context, bankCode string) (map[key.Kind]Tally, string, error) {
	return s.config.Store.TalliesOf(ctx, bankCode)
}

// Bank returns a bank that takes part.
func (s *Service) Bank(code string) (Bank, bool) { return s.config.Banks.Bank(code) }

// Difference is a tally that is not what it should be.
type Difference struct {
	Kind          key.Kind
	Kept, Counted Tally
}

// CheckTallies returns the tallies of a bank that are not those of its keys. A change between the two readings looks
// like a difference, so one that is seen twice counts.
func (s *Service) CheckTallies(ctx context.Context, bankCode string) ([]Difference, error) {
	kept, _, err := s.config.Store.TalliesOf(ctx, bankCode)
	if err != nil {
		return nil, err
	}
	counted, err := s.config.Store.Recount(ctx, bankCode)
	if err != nil {
		return nil, err
	}
	var differences []Difference
	for _, kind := range key.Kinds() {
		if kept[kind] != counted[kind] {
			differences = append(differences, Difference{kind, kept[kind], counted[kind]})
		}
	}
	return differences, nil
}
