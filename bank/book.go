package bank

import (
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
)

// ReadSet is what a Store read for a batch: rows under the locks of their accounts, or rows whose
// versions the write proves to be current.
type ReadSet struct {
	Accounts []Account
	Cards    []Card
	// Entries are the earlier entries, every leg, of the transactions in Keys.Entries.
	Entries []Entry
	// Sums are the sums of the transactions in Keys.Originals so far, by relation, in minor units. A
	// sum of 0 may be left out.
	Sums map[Sum]int64
	// TokenUses are the uses of the tokens in Keys.Tokens. A store that leaves them out must write
	// the uses in Changes under their unique key.
	TokenUses []TokenUse
	// PixCodes are the codes in Keys.PixCodes that exist.
	PixCodes []PixCode
}

// Changes is what a batch decided: its write set. The Store writes it in one commit. The slices are
// in the order of the decisions.
type Changes struct {
	NewAccounts []Account
	NewCards    []NewCard
	// Accounts and Cards existed before and are in their final state.
	Accounts []Account
	Cards    []Card
	Entries  []*Entry
	// TokenUses are the tokens that were used, each for the first time.
	TokenUses []TokenUse
	// PaidCodes are codes that are paid. The store must write none of them unless all were active until then.
	PaidCodes []PixCodePayment
	// Events are published in this order, per account.
	Events []Event
	// Messages wait to be sent to the hub between banks, and Answered are those that are not sent again. No message
	// is in both.
	Messages []Message
	Answered []MessageID
	// Records are appended to the audit log of a store that has one, in this order. Only acts of
	// operators have them.
	Records []auditlog.Record
}

// NewCard is a card about to be issued, with its sealed number.
type NewCard struct {
	Card   Card
	Lookup [32]byte // keyed hash of the number, unique
	Sealed Sealed
}

// Event is an entry's event as it waits in the outbox: the bare Avro body without
// the registry's frame.
type Event struct {
	TransactionID ID
	AccountID     ID // zero for a refusal
	Sequence      int64
	Key           ID
	SchemaVersion int
	Body          []byte
}

// Book is the state that a batch of commands is decided on: what the Store read,
// plus what earlier commands of the same batch decided. It is not safe for
// concurrent use. A command that fails must not have changed it. Post and the other
// changing methods check first and change last, so it is enough that one of them is the
// last step of a Decide.
type Book struct {
	accounts map[ID]*tracked[Account]
	cards    map[ID]*tracked[Card]
	entries  map[ID][]*Entry
	sums     map[Sum]int64
	users    map[ID]ID // the transaction that used a token, by the nonce's id
	pixCodes map[ID]PixCode

	accountOrder []ID
	cardOrder    []ID
	newCards     map[ID]NewCard
	posted       []*Entry
	tokenUses    []TokenUse
	paidCodes    []PixCodePayment
	events       []Event
	messages     []Message
	answered     []MessageID
	records      []auditlog.Record
	basis        basis
}

type state uint8

const (
	unchanged state = iota
	changed
	created
)

type tracked[T any] struct {
	value T
	state state
	// read is set when a decision rests on an account, and written when a card of it has changed.
	read, written bool
}

// NewBook returns a Book over reads.
func NewBook(reads ReadSet) *Book {
	b := &Book{
		accounts: make(map[ID]*tracked[Account], len(reads.Accounts)),
		cards:    make(map[ID]*tracked[Card], len(reads.Cards)),
		entries:  make(map[ID][]*Entry, len(reads.Entries)),
		users:    make(map[ID]ID, len(reads.TokenUses)),
		sums:     reads.Sums,
		pixCodes: make(map[ID]PixCode, len(reads.PixCodes)),
	}
	if b.sums == nil {
		b.sums = make(map[Sum]int64)
	}
	for _, a := range reads.Accounts {
		b.accounts[a.ID] = &tracked[Account]{value: a}
	}
	for _, c := range reads.Cards {
		b.cards[c.ID] = &tracked[Card]{value: c}
	}
	for i := range reads.Entries {
		e := &reads.Entries[i]
		b.entries[e.TransactionID] = append(b.entries[e.TransactionID], e)
	}
	for _, use := range reads.TokenUses {
		b.users[use.Nonce] = use.TransactionID
	}
	for i := range reads.PixCodes {
		b.pixCodes[reads.PixCodes[i].ID] = reads.PixCodes[i]
	}
	return b
}

// Account returns an account that was asked for by Keys and exists.
func (b *Book) Account(id ID) (Account, bool) {
	if t, ok := b.restOnAccount(id); ok {
		return t.value, true
	}
	return Account{}, false
}

// Card returns a card that was asked for by Keys and exists.
func (b *Book) Card(id ID) (Card, bool) {
	t, ok := b.cards[id]
	if !ok {
		b.basis.unproven = true
		return Card{}, false
	}
	if t.state != created {
		if account, ok := b.restOnAccount(t.value.AccountID); ok {
			account.read = true // A card of a closed account may still change.
		}
	}
	return t.value, true
}

// TokenUser returns the transaction that used a token that is among Keys.Tokens, in this batch or
// earlier; zero when none did.
func (b *Book) TokenUser(nonce ID) ID {
	user, used := b.users[nonce]
	if !used {
		b.basis.unused = append(b.basis.unused, nonce)
	}
	return user
}

// Entry returns leg 0 of a transaction that was asked for by Keys, or was decided
// earlier in this batch; nil when there is none.
func (b *Book) Entry(transaction ID) *Entry {
	entry := b.entry(transaction)
	if entry == nil {
		b.basis.undecided = append(b.basis.undecided, transaction)
	}
	return entry
}

// Second returns leg 1 of a transaction whose leg 0 Entry has returned; nil when it has leg 0 alone.
func (b *Book) Second(transaction ID) *Entry { return b.leg(transaction, 1) }

func (b *Book) entry(transaction ID) *Entry { return b.leg(transaction, 0) }

func (b *Book) leg(transaction ID, number uint8) *Entry {
	for _, e := range b.entries[transaction] {
		if e.Leg == number {
			return e
		}
	}
	return nil
}

// Sum returns how much of a transaction that is among Keys.Originals was given back, captured or
// released so far, in this batch or earlier, in minor units.
func (b *Book) Sum(original ID, relation Relation) int64 {
	b.restOnSum(original, relation)
	return b.sums[Sum{original, relation}]
}

// Posting is an entry with the effect that it has on its account.
type Posting struct {
	Entry  Entry
	Effect Effect
}

// Post applies effect to the account of the entry and records the entry. It gives the entry the
// account's next sequence, its time and the figures after the effect. The entry must name its
// account. When now lies before the account's last time, the entry gets that last time. Errors:
// fault.Internal when the account was not read; fault.InvalidArgument amount_minor when a figure
// would overflow. After an error the Book is unchanged.
func (b *Book) Post(entry Entry, effect Effect, now time.Time) (*Entry, error) {
	account, ok := b.accounts[entry.AccountID]
	if !ok {
		return nil, errNotRead
	}
	after, err := after(account.value, effect)
	if err != nil {
		return nil, err
	}
	return b.post(account, after, entry, latest(now, after.LastAt)), nil
}

// PostBoth is Post for the two legs of one transaction, which may be on one account or on two. The
// second posting follows the first one. Both entries get the same time, which lies before the last time
// of neither account. After an error nothing is posted.
func (b *Book) PostBoth(first, second Posting, now time.Time) (*Entry, *Entry, error) {
	one, okOne := b.accounts[first.Entry.AccountID]
	two, okTwo := b.accounts[second.Entry.AccountID]
	if !okOne || !okTwo {
		return nil, nil, errNotRead
	}
	at := latest(latest(now, one.value.LastAt), two.value.LastAt)
	afterOne, err := after(one.value, first.Effect)
	if err != nil {
		return nil, nil, err
	}
	before := two.value
	if one == two {
		before = afterOne
		before.Sequence++
	}
	afterTwo, err := after(before, second.Effect)
	if err != nil {
		return nil, nil, err
	}
	first.Entry.Leg, second.Entry.Leg = 0, 1
	return b.post(one, afterOne, first.Entry, at), b.post(two, afterTwo, second.Entry, at), nil
}

// errNotRead says that a command posts on an account that its Keys do not name, or that does not exist.
var errNotRead = fault.New(fault.Internal, "ACCOUNT_NOT_READ", "Something went wrong on our side.")

func after(account Account, effect Effect) (Account, error) {
	changed, err := account.After(effect)
	if err != nil {
		return Account{}, fault.Invalid("amount_minor", "The amount does not fit the account.").Wrap(err)
	}
	return changed, nil
}

// post replaces an account by what it is after an effect, with its next sequence, and records the entry.
func (b *Book) post(account *tracked[Account], after Account, entry Entry, at time.Time) *Entry {
	after.Sequence++
	after.LastAt = at
	account.value = after
	if account.state == unchanged {
		account.state = changed
		b.accountOrder = append(b.accountOrder, after.ID)
	}
	entry.CustomerID, entry.AccountKind = after.CustomerID, after.Kind
	entry.Currency = after.Currency
	entry.Sequence = after.Sequence
	entry.OccurredAt = after.LastAt
	entry.BalanceAfter, entry.HeldAfter, entry.CreditLimitAfter = after.Balance, after.Held, after.CreditLimit
	return b.record(entry)
}

// Close marks an account as closed at the time of its closing entry, which must have been posted.
func (b *Book) Close(account ID, at time.Time) {
	if t, ok := b.accounts[account]; ok {
		t.value.ClosedAt = at
	}
}

// Refuse records an entry without an account: the decline of an unknown card, or a request id that
// was voided before it was decided.
func (b *Book) Refuse(entry Entry, now time.Time) *Entry {
	entry.AccountID, entry.CustomerID, entry.AccountKind, entry.Sequence = ID{}, ID{}, 0, 0
	entry.OccurredAt = now
	return b.record(entry)
}

func (b *Book) record(entry Entry) *Entry {
	e := &entry
	b.posted = append(b.posted, e)
	b.entries[e.TransactionID] = append(b.entries[e.TransactionID], e)
	if relation := e.Relation(); relation != 0 {
		b.sums[Sum{e.OriginalID, relation}] += e.Amount
	}
	return e
}

// latest returns the later of now and last, in whole milliseconds, UTC.
func latest(now, last time.Time) time.Time {
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(last) {
		return last
	}
	return now
}

// Open adds a new account, which must not exist. Post its opening entry next.
func (b *Book) Open(account Account) {
	b.accounts[account.ID] = &tracked[Account]{value: account, state: created}
	b.accountOrder = append(b.accountOrder, account.ID)
}

// Issue adds a new card, which must not exist.
func (b *Book) Issue(card NewCard) {
	if b.newCards == nil {
		b.newCards = make(map[ID]NewCard)
	}
	b.newCards[card.Card.ID] = card
	b.cards[card.Card.ID] = &tracked[Card]{value: card.Card, state: created}
	b.cardOrder = append(b.cardOrder, card.Card.ID)
}

// SetCard replaces a card that was read. Its account must be among the command's Keys
// too, because the account's lock guards the card.
func (b *Book) SetCard(card Card) {
	t := b.cards[card.ID]
	t.value = card
	if t.state == unchanged {
		t.state = changed
		b.cardOrder = append(b.cardOrder, card.ID)
		if account, ok := b.accounts[card.AccountID]; ok {
			account.written = true
		}
	}
}

// UseToken records that a token is used, for good. It must not be used yet.
func (b *Book) UseToken(use TokenUse) {
	b.users[use.Nonce] = use.TransactionID
	b.tokenUses = append(b.tokenUses, use)
}

// Posted returns the entries recorded so far, in the order of their decisions.
func (b *Book) Posted() []*Entry { return b.posted }

// Emit puts an event into the outbox of this batch.
func (b *Book) Emit(event Event) { b.events = append(b.events, event) }

// Audit puts the record of an act into the audit log.
func (b *Book) Audit(record auditlog.Record) { b.records = append(b.records, record) }

// Changes returns everything that has to be written.
func (b *Book) Changes() Changes {
	changes := Changes{
		Entries: b.posted, TokenUses: b.tokenUses, PaidCodes: b.paidCodes, Events: b.events, Messages: b.messages, Answered: b.answered,
		Records: b.records,
	}
	for _, id := range b.accountOrder {
		switch t := b.accounts[id]; t.state {
		case created:
			changes.NewAccounts = append(changes.NewAccounts, t.value)
		case changed:
			changes.Accounts = append(changes.Accounts, t.value)
		}
	}
	for _, id := range b.cardOrder {
		switch t := b.cards[id]; t.state {
		case created:
			issued := b.newCards[id]
			issued.Card = t.value
			changes.NewCards = append(changes.NewCards, issued)
		case changed:
			changes.Cards = append(changes.Cards, t.value)
		}
	}
	return changes
}

// IsEmpty reports whether there is nothing to write.
func (c *Changes) IsEmpty() bool {
	return len(c.NewAccounts)+len(c.NewCards)+len(c.Accounts)+len(c.Cards)+
		len(c.Entries)+len(c.TokenUses)+len(c.PaidCodes)+len(c.Events)+len(c.Messages)+len(c.Answered)+len(c.Records) == 0
}
