package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
)

// CardByLookup implements bank.Directory.
func (s *Store) CardByLookup(ctx context.Context, lookup [32]byte) (bank.CardFacts, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.facts(ctx, s.lookups[lookup])
}

// CardByID implements bank.Directory.
func (s *Store) CardByID(ctx context.Context, card bank.ID) (bank.CardFacts, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.facts(ctx, card)
}

func (s *Store) facts(ctx context.Context, id bank.ID) (bank.CardFacts, error) {
	card, err := lookUp(ctx, s.cards, id)
	return bank.CardFacts{Card: card.CardSnapshot, AccountID: card.AccountID, HolderName: card.HolderName, Expiry: card.Expiry}, err
}

// lookUp finds a key in a table of the store. The caller holds the mutex.
func lookUp[K comparable, V any](ctx context.Context, table map[K]V, key K) (V, error) {
	value, ok := table[key]
	if err := contextFault(ctx); err != nil {
		return *new(V), err
	}
	if !ok {
		return value, bank.ErrNotFound
	}
	return value, nil
}

// AccountByID implements bank.Directory.
func (s *Store) AccountByID(ctx context.Context, id bank.ID) (bank.AccountFacts, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	account, err := lookUp(ctx, s.accounts, id)
	return bank.AccountFacts{ID: account.ID, CustomerID: account.CustomerID, Kind: account.Kind, Currency: account.Currency}, err
}

// Parties implements bank.Directory.
func (s *Store) Parties(ctx context.Context, transaction bank.ID) (bank.Parties, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry, err := lookUp(ctx, s.entries, leg{transaction: transaction})
	if err != nil {
		return bank.Parties{}, err
	}
	parties := bank.Parties{AccountID: entry.AccountID, CardID: entry.Card.ID, CaptureID: s.captureOf(transaction)}
	if second, ok := s.entries[leg{transaction, 1}]; ok {
		parties.SecondAccountID = second.AccountID
	}
	return parties, nil
}

// AccountOf implements bank.Directory.
func (s *Store) AccountOf(ctx context.Context, transaction bank.ID) (bank.ID, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry, err := lookUp(ctx, s.entries, leg{transaction: transaction})
	if err != nil {
		return bank.ID{}, err
	}
	return entry.AccountID, nil
}

// Account implements bank.Reader.
func (s *Store) Account(ctx context.Context, account bank.ID) (bank.Account, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return lookUp(ctx, s.accounts, account)
}

// Card implements bank.Reader.
func (s *Store) Card(ctx context.Context, id bank.ID) (bank.Card, bank.Account, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	card, err := lookUp(ctx, s.cards, id)
	if err != nil {
		return bank.Card{}, bank.Account{}, err
	}
	return copyOfCard(card), s.accounts[card.AccountID], nil
}

// Transaction implements bank.Reader.
func (s *Store) Transaction(ctx context.Context, transaction bank.ID) (bank.Entry, int64, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry, err := lookUp(ctx, s.entries, leg{transaction: transaction})
	if err != nil {
		return bank.Entry{}, 0, err
	}
	return *entry, s.sums[bank.Sum{Original: transaction, Relation: bank.GivenBack}], nil
}

// AccountsOf implements bank.AccountReader.
func (s *Store) AccountsOf(ctx context.Context, customer, after bank.ID, limit int) ([]bank.Account, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return nil, err
	}
	var accounts []bank.Account
	for id, account := range s.accounts {
		if account.CustomerID == customer && (after.IsZero() || s.compareOpenings(id, after) > 0) {
			accounts = append(accounts, account)
		}
	}
	slices.SortFunc(accounts, func(a, b bank.Account) int { return s.compareOpenings(a.ID, b.ID) })
	return accounts[:min(limit, len(accounts))], nil
}

// compareOpenings orders accounts by when they were opened. The caller holds the mutex.
func (s *Store) compareOpenings(a, b bank.ID) int {
	openedAt := func(id bank.ID) time.Time {
		if opening, ok := s.entries[s.positions[position{id, 1}]]; ok {
			return opening.OccurredAt
		}
		return time.Time{}
	}
	return cmp.Or(openedAt(a).Compare(openedAt(b)), bytes.Compare(a[:], b[:]))
}

// Details implements bank.AccountReader.
func (s *Store) Details(ctx context.Context, transaction bank.ID) (bank.TransactionDetails, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	entry, err := lookUp(ctx, s.entries, leg{transaction: transaction})
	if err != nil {
		return bank.TransactionDetails{}, err
	}
	details := bank.TransactionDetails{
		Entry:     *entry,
		GivenBack: s.sums[bank.Sum{Original: transaction, Relation: bank.GivenBack}],
		Captured:  s.sums[bank.Sum{Original: transaction, Relation: bank.Captured}],
		Released:  s.sums[bank.Sum{Original: transaction, Relation: bank.Released}],
	}
	if second, ok := s.entries[leg{transaction, 1}]; ok {
		copied := *second
		details.Second = &copied
	}
	return details, nil
}

// SealedNumber implements bank.Reader.
func (s *Store) SealedNumber(ctx context.Context, card bank.ID) (bank.Sealed, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return lookUp(ctx, s.sealed, card)
}
