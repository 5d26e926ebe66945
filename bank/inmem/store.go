// Package inmem keeps the bank's ledger in memory. It implements the same ports with the same
// results as package postgres, for tests that need speed and no database. Nothing outlives the
// process. One mutex stands for all locks, so a Decide function that calls the Store blocks for
// ever.
package inmem

import (
	"context"
	"slices"
	"sync"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// The ports that Store implements.
var (
	_ bank.Store         = (*Store)(nil)
	_ bank.Directory     = (*Store)(nil)
	_ bank.Reader        = (*Store)(nil)
	_ bank.Holds         = (*Store)(nil)
	_ bank.AccountReader = (*Store)(nil)
	_ bank.CustomerLinks = (*Store)(nil)
	_ bank.CommandStore  = (*Store)(nil)
	_ bank.Messages      = (*Store)(nil)
	_ bank.PixPayments   = (*Store)(nil)
	_ bank.PixKeys       = (*Store)(nil)
	_ bank.PixCodes      = (*Store)(nil)
	_ bank.Holders       = (*Store)(nil)
	_ bank.Outbox        = (*Store)(nil)
	_ bank.Marker        = (*Store)(nil)
)

// leg is the key of an entry.
type leg struct {
	transaction bank.ID
	number      uint8
}

// position is the place of an entry in its account.
type position struct {
	account  bank.ID
	sequence int64
}

// Store is the ledger in memory. Make one with New; it is safe for concurrent use.
type Store struct {
	now func() time.Time

	mutex     sync.Mutex
	accounts  map[bank.ID]bank.Account
	cards     map[bank.ID]bank.Card
	sealed    map[bank.ID]bank.Sealed
	lookups   map[[32]byte]bank.ID
	tokenUses map[bank.ID]bank.TokenUse
	entries   map[leg]*bank.Entry
	positions map[position]leg
	sums      map[bank.Sum]int64
	links     map[bank.ID]bank.CustomerLink
	holders   map[bank.ID]bank.SealedHolder
	pixKeys   map[pixKeyName]bank.PixKey
	pixCodes  map[bank.ID]bank.PixCode
	commands  commands
	holds     holds
	outbox    eventOutbox
	messages  []*waitingMessage
	// messageCount counts the messages that were ever written.
	messageCount int
}

// New returns an empty ledger. now is the clock of leases and the outbox.
func New(now func() time.Time) *Store {
	return &Store{
		now:       now,
		accounts:  make(map[bank.ID]bank.Account),
		cards:     make(map[bank.ID]bank.Card),
		sealed:    make(map[bank.ID]bank.Sealed),
		lookups:   make(map[[32]byte]bank.ID),
		tokenUses: make(map[bank.ID]bank.TokenUse),
		entries:   make(map[leg]*bank.Entry),
		positions: make(map[position]leg),
		sums:      make(map[bank.Sum]int64),
		links:     make(map[bank.ID]bank.CustomerLink),
		holders:   make(map[bank.ID]bank.SealedHolder),
		pixKeys:   make(map[pixKeyName]bank.PixKey),
		pixCodes:  make(map[bank.ID]bank.PixCode),
		commands:  commands{make(map[bank.ID]bank.CommandOutcome), make(map[bank.ID]map[int32]int64)},
		holds:     newHolds(),
	}
}

// contextFault returns the fault of a call whose context has ended.
func contextFault(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Unavailable, "LEDGER_UNAVAILABLE", "The call ended before its answer; the outcome is unknown.").Wrap(err)
	}
	return nil
}

// Execute implements bank.Store.
func (s *Store) Execute(ctx context.Context, keys bank.Keys, decide func(*bank.Book) error) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := contextFault(ctx); err != nil {
		return err
	}
	book := bank.NewBook(s.read(&keys))
	if err := decide(book); err != nil {
		return err
	}
	changes := book.Changes()
	if err := s.check(&changes); err != nil {
		return err
	}
	s.apply(&changes)
	return nil
}

func (s *Store) read(keys *bank.Keys) bank.ReadSet {
	reads := bank.ReadSet{Sums: make(map[bank.Sum]int64)}
	for _, id := range keys.Accounts {
		if account, ok := s.accounts[id]; ok {
			reads.Accounts = append(reads.Accounts, account)
		}
	}
	for _, id := range keys.Cards {
		if card, ok := s.cards[id]; ok {
			reads.Cards = append(reads.Cards, copyOfCard(card))
		}
	}
	for _, nonce := range keys.Tokens {
		if use, ok := s.tokenUses[nonce]; ok {
			reads.TokenUses = append(reads.TokenUses, use)
		}
	}
	for _, id := range keys.PixCodes {
		if code, ok := s.pixCodes[id]; ok {
			reads.PixCodes = append(reads.PixCodes, code)
		}
	}
	for _, id := range keys.Entries() {
		for number := range maxLegs {
			if entry, ok := s.entries[leg{id, uint8(number)}]; ok {
				reads.Entries = append(reads.Entries, *entry)
			}
		}
	}
	for _, id := range keys.Originals {
		for relation := bank.GivenBack; relation <= bank.Released; relation++ {
			sum := bank.Sum{Original: id, Relation: relation}
			reads.Sums[sum] = s.sums[sum]
		}
	}
	return reads
}

// apply writes changes that check has accepted.
func (s *Store) apply(changes *bank.Changes) {
	for _, account := range slices.Concat(changes.NewAccounts, changes.Accounts) {
		account.LastAt, account.ClosedAt = stored(account.LastAt), stored(account.ClosedAt)
		s.accounts[account.ID] = account
	}
	for _, issued := range changes.NewCards {
		s.cards[issued.Card.ID] = copyOfCard(issued.Card)
		s.lookups[issued.Lookup] = issued.Card.ID
		s.sealed[issued.Card.ID] = bank.Sealed{KeyID: issued.Sealed.KeyID, Ciphertext: slices.Clone(issued.Sealed.Ciphertext)}
	}
	for _, card := range changes.Cards {
		s.cards[card.ID] = copyOfCard(card)
	}
	for _, use := range changes.TokenUses {
		s.tokenUses[use.Nonce] = use
	}
	for _, entry := range changes.Entries {
		s.insert(*entry)
	}
	s.applyPaidCodes(changes.PaidCodes)
	s.outbox.add(changes.Events, s.now())
	s.applyMessages(changes)
}

func (s *Store) insert(entry bank.Entry) {
	entry.OccurredAt, entry.HoldExpiresAt = stored(entry.OccurredAt), stored(entry.HoldExpiresAt)
	if !entry.Card.ID.IsZero() {
		// An entry stores only the id of its card; the other fields come from the card itself.
		entry.Card = bank.CardSnapshot{ID: entry.Card.ID}
		if card, ok := s.cards[entry.Card.ID]; ok {
			entry.Card = card.CardSnapshot
		}
	}
	key := leg{entry.TransactionID, entry.Leg}
	s.entries[key] = &entry
	if !entry.IsRefusal() {
		s.positions[position{entry.AccountID, entry.Sequence}] = key
	}
	s.holds.insert(&entry)
	if relation := entry.Relation(); relation != 0 {
		s.sums[bank.Sum{Original: entry.OriginalID, Relation: relation}] += entry.Amount
	}
}

// stored returns a time as the database stores it: in microseconds, UTC.
func stored(at time.Time) time.Time {
	if at.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(at.UnixMicro()).UTC()
}

// copyOfCard returns a deep copy of a card.
func copyOfCard(card bank.Card) bank.Card {
	var wrong []time.Time
	for _, at := range card.WrongAt {
		wrong = append(wrong, stored(at))
	}
	card.WrongAt = wrong
	card.LockedUntil, card.IssuedAt, card.Frequency.At = stored(card.LockedUntil), stored(card.IssuedAt), stored(card.Frequency.At)
	return card
}
