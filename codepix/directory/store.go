package directory

import (
	"context"
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
)

// Store is where keys and claims live. It is safe for concurrent use, also by several processes. Times are those of
// the caller's clock. Errors other than those named are Unavailable, Internal or DeadlineExceeded.
type Store interface {
	Keys
	Claims
	Codes
	Tallies
	Buckets
}

// Change says which key changes, for whom, and by which request.
type Change struct {
	Key   key.Key
	Party Party
	// RequestID belongs to the bank of Party; empty for a change without one.
	RequestID string
	// Claim is loaded though it has ended; zero for none.
	Claim id.ID
}

// Fingerprint stands for what a request asks for. Two requests under one id are the same if their fingerprints are.
type Fingerprint = Hash

// Request is what became of a request.
type Request struct {
	Fingerprint Fingerprint
	// Key, State and CreatedAt are those of the entry that it made, if it made one.
	Key       key.Key
	State     State
	CreatedAt time.Time
	// Claim is the claim that it made; zero for none.
	Claim id.ID
}

// Keys changes keys one by one, and reads them.
type Keys interface {
	// Change loads the record of a key, calls decide, and commits what decide has changed, with the tallies of the
	// banks whose active keys it has changed. Nothing is committed if decide returns an error, which is returned as it
	// is. decide may be called again on a fresh record, because another process was quicker. Two changes never give
	// one key to two accounts.
	Change(ctx context.Context, change Change, decide func(*Record) error) error
	// Entries returns entries of a bank in the order of their places.
	Entries(ctx context.Context, query EntryQuery) ([]Entry, error)
}

// EntryQuery asks for entries of a bank.
type EntryQuery struct {
	BankCode string
	// Account is the only account; zero for all.
	Account id.ID
	// After is the place of the last entry of the page before; zero for the first page.
	After Place
	Size  int
}

// Place is where an entry is among those of its bank: they are in the order of kind, text and account.
type Place struct {
	Key     key.Key
	Account id.ID
}

// Claims reads claims.
type Claims interface {
	// Claim returns a claim. Error: ErrNoClaim.
	Claim(ctx context.Context, claim id.ID) (Claim, error)
	// ClaimsOf returns claims in which a bank takes part, the newest first. A claim that is not proved is there for its
	// claimer only.
	ClaimsOf(ctx context.Context, query ClaimQuery) ([]Claim, error)
}

// ClaimQuery asks for claims of a bank.
type ClaimQuery struct {
	BankCode string
	// Account is the only account of the bank; zero for all.
	Account id.ID
	// Before is the last claim of the page before; zero for the first page.
	Before ClaimPlace
	Size   int
}

// ClaimPlace is where a claim is: the newest are first and, among those of one time, the greatest id.
type ClaimPlace struct {
	CreatedAt time.Time
	ID        id.ID
}

// Due is a code that is to be sent to a key.
type Due struct {
	Key key.Key
	Party
	RequestedAt time.Time
}

// Codes are the codes to send.
type Codes interface {
	// DueCode returns a code that is due. Nobody else gets it for a while, which grows with every try. ok is false if
	// none is due.
	DueCode(ctx context.Context, now time.Time) (due Due, ok bool, err error)
	// StoreCode stores the hash of a code before the code is sent. It does nothing if another code was asked for since.
	StoreCode(ctx context.Context, due Due, hash Hash, expiresAt time.Time) error
	// CodeSent says that a code was sent.
	CodeSent(ctx context.Context, due Due) error
}

// Tallies are the digests over the banks' keys.
type Tallies interface {
	// TalliesOf returns the tallies of a bank by kind, under the secret of its digester, and the name of the secret.
	TalliesOf(ctx context.Context, bankCode string) (tallies map[key.Kind]Tally, keyID string, err error)
	// Recount sums up the active keys of a bank and leaves the tallies as they are.
	Recount(ctx context.Context, bankCode string) (map[key.Kind]Tally, error)
}

// Found is what a look-up reads.
type Found struct {
	// Active is the entry of the key; nil if nobody has it.
	Active *Entry
	// Customer and Bank are the buckets as they are stored; nil is a full one.
	Customer, Bank *Bucket
}

// bucket returns where the bucket of a name is.
func (f *Found) bucket(name BucketName) **Bucket {
	if name.Customer == "" {
		return &f.Bank
	}
	return &f.Customer
}

// Spending takes from a bucket or, below zero, puts back.
type Spending struct {
	Name  BucketName
	Rate  Rate
	Level int64
}

// Buckets are the tokens that are left, shared by all replicas.
type Buckets interface {
	// Find returns the active entry of a key and the two buckets of who asks, in one round trip that writes nothing.
	Find(ctx context.Context, k key.Key, who BucketName) (Found, error)
	// Spend takes from buckets, in one commit, and returns them as they are then, in the order of the spendings. Each
	// name is there once.
	Spend(ctx context.Context, now time.Time, spendings []Spending) ([]Bucket, error)
	// Prune deletes full buckets, entries that were not proved for a day, and codes that are older. It does a part of
	// the work if there is much.
	Prune(ctx context.Context, now time.Time, customer, bank Rate) error
}

// Bank is a bank that takes part.
type Bank struct {
	Code, Name string
	Digester   Digester
}

// Banks are the banks that take part.
type Banks interface {
	// Bank returns a bank by its code.
	Bank(code string) (Bank, bool)
}

// Sender sends codes to what keys name.
type Sender interface {
	// Send sends a code. When it returns nil, it was taken. The error does not repeat the code.
	Send(ctx context.Context, to key.Key, code Code) error
}
