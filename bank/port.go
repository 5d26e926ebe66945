package bank

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/pan"
)

// The answers of a Store that the executor acts on. Any other error of Execute is
// a fault: fault.Unavailable when the outcome is unknown or the store is away.
var (
	// ErrRetry says that nothing was committed and a fresh read may succeed: a conflict
	// over a unique key, a deadlock, a lock not had in time.
	ErrRetry = errors.New("bank: not committed, decide again on fresh reads")
	// ErrRejected says that nothing was committed because the data itself was refused:
	// one command of the batch is bad.
	ErrRejected = errors.New("bank: not committed, the data was refused")
	// ErrNotFound says that there is no such row.
	ErrNotFound = errors.New("bank: not found")
	// ErrLeaseLost says that the relay's lease belongs to another holder or to another epoch.
	ErrLeaseLost = errors.New("bank: another relay holds the lease")
	// ErrNoMark says that no mark was taken: the epoch does not lead, or the clock has not
	// passed the last mark.
	ErrNoMark = errors.New("bank: no mark taken")
)

// Store is the durable state of the ledger.
type Store interface {
	// Execute calls decide with a Book over what keys name and writes the Book's changes
	// in one durable commit, in which what decide saw still stands. decide may be called
	// again, on a new Book, when what it saw first does not; only its last call counts.
	// keys must be sorted (Keys.Sort).
	// An error of decide is returned as it is and nothing is written. nil means
	// committed. ErrRetry and ErrRejected mean certainly not committed. After any
	// other error the outcome is unknown. Safe for concurrent use.
	Execute(ctx context.Context, keys Keys, decide func(*Book) error) error
}

// Submitter has commands decided and answers once the outcome is durable;
// ledger.Executor is one, and says which errors there are.
type Submitter interface {
	Submit(ctx context.Context, command Command) (Outcome, error)
	// SubmitAll is Submit for several commands that are waited for together.
	SubmitAll(ctx context.Context, commands []Command) []Result
}

// Result is what Submit returns.
type Result struct {
	Outcome Outcome
	Err     error
}

// Directory answers immutable facts without locks. ErrNotFound when there is none
// (never to be cached); fault.Unavailable when the store is away.
type Directory interface {
	CardByLookup(ctx context.Context, lookup [32]byte) (CardFacts, error)
	CardByID(ctx context.Context, card ID) (CardFacts, error)
	// Token returns the token with this hash; all but UsedBy is immutable.
	Token(ctx context.Context, hash [32]byte) (CardToken, error)
	// Parties returns the customer account and card of a transaction's leg 0; zero ids for a refusal.
	Parties(ctx context.Context, transaction ID) (Parties, error)
}

// Reader answers the present state without locks, as of some moment during the
// call. ErrNotFound and fault.Unavailable as for Directory.
type Reader interface {
	Account(ctx context.Context, account ID) (Account, error)
	Card(ctx context.Context, card ID) (Card, Account, error)
	// Transaction returns leg 0 and how much of it has been given back.
	Transaction(ctx context.Context, transaction ID) (Entry, int64, error)
	// SealedNumber returns a card's number as the vault sealed it.
	SealedNumber(ctx context.Context, card ID) (Sealed, error)
}

// TokenStore keeps card tokens. Insert is durable when it returns; a hash that
// exists already is ErrRejected.
type TokenStore interface {
	InsertToken(ctx context.Context, token CardToken) error
}

// CardFacts is what never changes about a card.
type CardFacts struct {
	Card       CardSnapshot
	AccountID  ID
	HolderName string
	Expiry     pan.Expiry
}

// Parties is whom a transaction concerns.
type Parties struct {
	AccountID ID
	CardID    ID
}

// CardToken stands for card data once. It holds neither number nor security code.
type CardToken struct {
	Hash      [32]byte // SHA-256 of the token
	CardID    ID       // zero when the card is unknown
	AccountID ID
	Card      CardSnapshot // brand, BIN and last four of what was presented
	Check     CardCheck
	ExpiresAt time.Time
	UsedBy    ID // the transaction that used it; zero while unused
}

// CardCheck is the result of the check of presented card data, made where the data is and
// turned into a decline where the lock is.
type CardCheck struct {
	// Decline is 0 when the data is right, else UnknownCard, NameMismatch, ExpiryMismatch or CVVMismatch.
	Decline DeclineReason
}

// CountsAsAttempt reports whether the result is a guess at what only the holder knows.
func (v CardCheck) CountsAsAttempt() bool {
	return v.Decline == CVVMismatch || v.Decline == ExpiryMismatch
}

// Sealed is a card number encrypted by the vault.
type Sealed struct {
	KeyID      string
	Ciphertext []byte
}

// Vault holds the keys. It is pure computation: no I/O, safe for concurrent use.
type Vault interface {
	// Lookup returns the keyed hash under which a number is found.
	Lookup(number pan.Number) [32]byte
	// CVV derives a card's security code.
	CVV(number pan.Number, expiry pan.Expiry) pan.CVV
	// Seal encrypts a number, bound to its card.
	Seal(number pan.Number, card ID) (Sealed, error)
	// Open decrypts what Seal made for the same card.
	Open(sealed Sealed, card ID) (pan.Number, error)
	// Fingerprint returns a keyed hash of a canonical request.
	Fingerprint(canonical []byte) [32]byte
}

// Encoder turns an entry into the bare body of its event. Append must not keep
// dst or the entry, and appends nothing on error.
type Encoder interface {
	// Append appends the body to dst and returns the schema version it was written with.
	Append(dst []byte, entry *Entry) ([]byte, int, error)
}

// OutboxRow is an event waiting to be published. IDs grow in the order of
// decisions within an account, but become visible in any order.
type OutboxRow struct {
	ID    int64
	Event Event
}

// Outbox is the relay's view of the store: committed events that are not known
// to be published. One relay leads at a time by a lease; a higher epoch fences
// the lower ones off.
type Outbox interface {
	// Acquire takes or renews the lease for holder until ttl from now and returns its
	// epoch; ErrLeaseLost while another holder has it.
	Acquire(ctx context.Context, holder string, ttl time.Duration) (epoch int64, err error)
	// Fetch returns up to limit visible rows with the lowest ids that are not among skip,
	// lowest first. Never rows above a remembered id only: ids are taken before commit.
	Fetch(ctx context.Context, limit int, skip []int64) ([]OutboxRow, error)
	// Delete removes acknowledged rows if epoch still leads; ErrLeaseLost when it does not.
	Delete(ctx context.Context, epoch int64, ids []int64) error
	// Backlog returns how many rows wait and since when the oldest does.
	Backlog(ctx context.Context) (rows int64, oldest time.Time, err error)
}

// Mark is a state of the outbox that a Marker took note of.
type Mark struct {
	// CompleteTo is a time such that every event decided before it has an id up to
	// LastID, or none and never will: by the database's clock, whole milliseconds.
	CompleteTo time.Time
	LastID     int64
	// Writer is the store's own: what has to end before every id up to LastID is settled.
	Writer uint64
}

// Marker tells up to when the outbox's events are known to be published.
type Marker interface {
	// Mark takes note of the outbox as it is, for the leader with this epoch. CompleteTo
	// grows from mark to mark, whoever leads. ErrNoMark when epoch does not lead, or when
	// the clock has not passed the last mark.
	Mark(ctx context.Context, epoch int64) (Mark, error)
	// Drained reports whether no row up to the mark waits, nor can still show up: a row is
	// deleted only after its acknowledgement, so all that were are on the broker then.
	Drained(ctx context.Context, mark Mark) (bool, error)
}

// WatermarkPublisher tells the readers of the events how far they are complete.
type WatermarkPublisher interface {
	// PublishWatermark says of every partition that all events which occurred before
	// completeTo stand below its present end. They must be acknowledged. It gives up after
	// some seconds; a watermark that is lost is made up for by the next one.
	PublishWatermark(ctx context.Context, completeTo time.Time) error
}

// Publisher puts events on the broker.
type Publisher interface {
	// Publish sends one event and calls done exactly once: nil when all replicas in sync
	// have it. Events of one key arrive in the order of the calls. After an error every
	// event is refused until Flush has returned nil, so that none overtakes another.
	Publish(ctx context.Context, event Event, done func(error))
	// Flush waits until done was called for everything published, or until ctx ends.
	Flush(ctx context.Context) error
}
