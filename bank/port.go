package bank

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
)

// The errors of a Store that the executor acts on. Any other error of Execute is a
// fault: fault.Unavailable when the outcome is unknown or the store is away.
var (
	// ErrRetry says that nothing was committed and a fresh read may succeed: a conflict
	// over a unique key, a deadlock, a lock that was not granted in time.
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
	// ErrEventTooLarge says that the broker does not take an event, because it is too long.
	ErrEventTooLarge = errors.New("bank: the event is larger than the broker takes")
)

// Store is the durable state of the ledger.
type Store interface {
	// Execute calls decide with a Book over what keys name, and writes the Book's changes in
	// one durable commit. It commits only if everything that decide saw is still true;
	// otherwise decide may be called again on a new Book, and only its last call counts.
	// keys must be sorted (Keys.Sort).
	// An error of decide is returned as it is and nothing is written. nil means
	// committed. ErrRetry and ErrRejected mean certainly not committed. After any
	// other error the outcome is unknown. Safe for concurrent use.
	Execute(ctx context.Context, keys Keys, decide func(*Book) error) error
}

// Submitter has commands decided and returns once the outcome is durable.
// ledger.Executor is one, and documents the errors.
type Submitter interface {
	Submit(ctx context.Context, command Command) (Outcome, error)
	// SubmitAll is Submit for several commands; it returns when all have a result.
	SubmitAll(ctx context.Context, commands []Command) []Result
}

// Result is what Submit returns for one command.
type Result struct {
	Outcome Outcome
	Err     error
}

// Directory reads immutable facts without locks. ErrNotFound when there is none
// (never to be cached); fault.Unavailable when the store is away.
type Directory interface {
	CardByLookup(ctx context.Context, lookup [32]byte) (CardFacts, error)
	CardByID(ctx context.Context, card ID) (CardFacts, error)
	AccountByID(ctx context.Context, account ID) (AccountFacts, error)
	// AccountOf returns the account of a transaction's leg 0; the zero id for a refusal.
	AccountOf(ctx context.Context, transaction ID) (ID, error)
	// Parties returns the customer accounts of a transaction's legs and the card of its leg 0; zero ids
	// for a refusal.
	Parties(ctx context.Context, transaction ID) (Parties, error)
}

// Reader reads the present state without locks, as of some moment during the call. ErrNotFound and
// fault.Unavailable as for Directory.
type Reader interface {
	Account(ctx context.Context, account ID) (Account, error)
	Card(ctx context.Context, card ID) (Card, Account, error)
	// Transaction returns leg 0 and how much of it has been given back.
	Transaction(ctx context.Context, transaction ID) (Entry, int64, error)
	// SealedNumber returns a card's number as the vault sealed it.
	SealedNumber(ctx context.Context, card ID) (Sealed, error)
}

// AccountReader reads what more than one row tells, without locks. ErrNotFound and fault.Unavailable as
// for Directory.
type AccountReader interface {
	// AccountsOf returns up to limit accounts of a customer, open and closed, in the order of their
	// openings: those that follow the account after, or the first ones when after is zero. None is no
	// error.
	AccountsOf(ctx context.Context, customer, after ID, limit int) ([]Account, error)
	// Details returns a transaction and what became of it, as of one moment.
	Details(ctx context.Context, transaction ID) (TransactionDetails, error)
}

// TransactionDetails is a transaction with what became of it.
type TransactionDetails struct {
	// Entry is leg 0.
	Entry Entry
	// Second is leg 1; nil when there is leg 0 alone.
	Second *Entry
	// GivenBack, Captured and Released are how much was, in minor units.
	GivenBack, Captured, Released int64
	// Repeat says that this answers a request that was decided before.
	Repeat bool
}

// AccountFacts are the fields of an account that never change.
type AccountFacts struct {
	ID         ID
	CustomerID ID
	Kind       AccountKind
	Currency   money.Currency
}

// CardFacts are the fields of a card that never change.
type CardFacts struct {
	Card       CardSnapshot
	AccountID  ID
	HolderName string
	Expiry     pan.Expiry
}

// Parties are the customer accounts and the card of a transaction.
type Parties struct {
	AccountID ID
	// SecondAccountID is the account of leg 1; zero for a transaction that has leg 0 alone.
	SecondAccountID ID
	CardID          ID
	// CaptureID is the transaction that captured a hold; zero when the transaction is no hold, or when
	// nothing captured it yet.
	CaptureID ID
}

// CardCheck is the result of comparing presented card data with the card. The comparison
// happens before the account is locked; Decide turns the result into a decline.
type CardCheck struct {
	// Decline is 0 when the data is right, else UnknownCard, NameMismatch, ExpiryMismatch or CVVMismatch.
	Decline DeclineReason
}

// CountsAsAttempt reports whether the data was a wrong guess at what only the holder knows.
func (c CardCheck) CountsAsAttempt() bool {
	return c.Decline == CVVMismatch || c.Decline == ExpiryMismatch
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
	// Seal encrypts a number and binds it to its card.
	Seal(number pan.Number, card ID) (Sealed, error)
	// Open decrypts a number that Seal made for the same card.
	Open(sealed Sealed, card ID) (pan.Number, error)
	// Fingerprint returns a keyed hash of a canonical request.
	Fingerprint(canonical []byte) [32]byte
}

// TokenSealer makes card tokens and opens them. The text of a token holds everything that the token
// stands for, encrypted, so that no one stores it. It is pure computation, safe for concurrent use.
type TokenSealer interface {
	// SealToken returns the text of a token. All texts have the same length. A text opens for the
	// same bank only. The token's nonce must be new.
	SealToken(code Code, token CardToken) (string, error)
	// OpenToken returns the token that SealToken was given. It reports false for every other text,
	// and for a text under a key that is gone.
	OpenToken(code Code, text string) (CardToken, bool)
}

// Encoder turns an entry into the bare body of its event. Append keeps neither dst nor
// the entry, and appends nothing on error.
type Encoder interface {
	// Append appends the body to dst and returns the schema version it was written with.
	Append(dst []byte, entry *Entry) ([]byte, int, error)
}

// OutboxRow is an event that waits to be published. Within an account, ids grow in the
// order of the decisions, except those of republished rows. Rows become visible in any order.
type OutboxRow struct {
	ID    int64
	Event Event
	// Republished says that an operator had the event published again, so that an earlier row had
	// the same event. It says nothing about what was sent of its account last.
	Republished bool
}

// Outbox is the relay's view of the store: committed events that are not known to be
// published. One relay at a time leads, by a lease. A higher epoch fences off the lower ones.
type Outbox interface {
	// Acquire takes or renews the lease for holder until ttl from now and returns its
	// epoch; ErrLeaseLost while another holder has it.
	Acquire(ctx context.Context, holder string, ttl time.Duration) (epoch int64, err error)
	// Fetch returns up to limit visible rows with the lowest ids that are not among skip,
	// lowest first. It must not begin at the last id that it returned: ids are taken before
	// the commit, so a row with a lower id may become visible later.
	Fetch(ctx context.Context, limit int, skip []int64) ([]OutboxRow, error)
	// Delete removes acknowledged rows if epoch still leads; ErrLeaseLost when it does not.
	Delete(ctx context.Context, epoch int64, ids []int64) error
	// Backlog returns how many rows wait, and since when the oldest one waits.
	Backlog(ctx context.Context) (rows int64, oldest time.Time, err error)
}

// Mark is a state of the outbox as a Marker recorded it.
type Mark struct {
	// CompleteTo is a time by the database's clock, in whole milliseconds. Every event that was
	// decided before it either has an id up to LastID, or has no id and never gets one.
	CompleteTo time.Time
	LastID     int64
	// Writers belongs to the store: the transactions that must end before no id up to LastID
	// can become visible any more.
	Writers []string
}

// Marker finds the time up to which all events are known to be published.
type Marker interface {
	// Mark records the outbox as it is, for the leader with this epoch. CompleteTo grows from mark
	// to mark, also when the leader changes. ErrNoMark when epoch does not lead, or when the clock
	// has not passed the last mark.
	Mark(ctx context.Context, epoch int64) (Mark, error)
	// Drained reports whether no row up to the mark waits or can still become visible. A row
	// is deleted only after its acknowledgement, so all those events are on the broker then.
	Drained(ctx context.Context, mark Mark) (bool, error)
}

// WatermarkPublisher tells consumers up to which time the events are complete.
type WatermarkPublisher interface {
	// PublishWatermark states for every partition that all events that occurred before
	// completeTo lie below its present end. These events must be acknowledged. It gives up
	// after some seconds; the next watermark makes up for a lost one.
	PublishWatermark(ctx context.Context, completeTo time.Time) error
}

// Publisher puts events on the broker.
type Publisher interface {
	// Publish sends one event and calls done exactly once: nil when all replicas in sync
	// have it. Events of one key arrive in the order of the calls. After an error every
	// later event is refused until Flush has returned nil, so that none overtakes another
	// of its key. ErrEventTooLarge says that sending the event again does not help.
	Publish(ctx context.Context, event Event, done func(error))
	// Flush waits until done was called for every event, or until ctx ends.
	Flush(ctx context.Context) error
}
