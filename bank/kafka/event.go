package kafka

import (
	"errors"
	"sync"
	"time"
	"unsafe"

	"codebank.dev/bank"
	"codebank.dev/schemas/event"
)

// Encoder implements bank.Encoder with one version of the schema. It allocates nothing and is safe
// for concurrent use.
type Encoder struct {
	code    bank.Code
	version int
	pools   sync.Pool
}

var _ bank.Encoder = (*Encoder)(nil)

// NewEncoder returns the encoder of a bank's events in the newest version of the schema.
func NewEncoder(code bank.Code) *Encoder { return NewVersionEncoder(code, event.NewestVersion) }

// NewVersionEncoder returns the encoder of a bank's events in a version of the schema, 1 to
// event.NewestVersion. With any other version it can encode nothing.
func NewVersionEncoder(code bank.Code, version int) *Encoder {
	return &Encoder{code: code, version: version, pools: sync.Pool{New: func() any { return new(encodeBuffers) }}}
}

// firstRecorded is the first version of the event that entries record (bank.Entry.EventVersion). The
// event of an entry that records none was written in an earlier version.
const firstRecorded = 3

// Omit fits a new entry to the encoder's version of the event. It records the version in the entry,
// and clears the fields that the version does not have, so that the ledger stores what the event says
// and no more. An event that is encoded again in a later version then says the same.
func (e *Encoder) Omit(entry *bank.Entry) {
	if e.version >= firstRecorded {
		entry.EventVersion = uint8(e.version)
		return
	}
	entry.CounterpartyAccountID, entry.CounterpartyBankCode = bank.ID{}, ""
	entry.HoldID, entry.HoldExpiresAt = bank.ID{}, time.Time{}
	entry.Request.PrincipalKind, entry.MerchantReference, entry.Mode = 0, "", 0
	if e.version < 2 {
		entry.CardUse, entry.Risk = 0, bank.Risk{}
	}
}

// encodeBuffers is what one encoding needs: the event and the texts of its ids.
type encodeBuffers struct {
	event event.Transaction
	texts textBuffer
}

// errVersionTooOld says that the entry has fields that this version of the event does not have. Its
// event in a later version would differ.
var errVersionTooOld = errors.New("kafka: the entry has fields that this version of the event does not have")

// Append implements bank.Encoder. It refuses an entry whose event was first written in a later version,
// which says more.
func (e *Encoder) Append(dst []byte, entry *bank.Entry) ([]byte, int, error) {
	if int(entry.EventVersion) > e.version || e.version < 2 && (entry.CardUse != 0 || entry.Risk != bank.Risk{}) {
		return dst, e.version, errVersionTooOld
	}
	w := e.pools.Get().(*encodeBuffers)
	defer e.pools.Put(w)
	w.texts.used = 0
	fill(&w.event, entry, e.code, &w.texts)
	body, err := event.AppendTransaction(dst, e.version, &w.event)
	return body, e.version, err
}

// Event returns the event of an entry as it goes into the outbox, in the encoder's version
// of the schema. It refuses what Append refuses.
func (e *Encoder) Event(entry *bank.Entry) (bank.Event, error) {
	body, version, err := e.Append(nil, entry)
	return bank.Event{
		TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
		Key: entry.EventKey(), SchemaVersion: version, Body: body,
	}, err
}

// Converter returns FromEntry for the entries of one bank. It takes the bank's code as a
// text, for programs that name no type of package bank.
func Converter(code string) func(*bank.Entry) event.Transaction {
	return func(entry *bank.Entry) event.Transaction { return FromEntry(entry, bank.Code(code)) }
}

// FromEntry returns the event of an entry. The ledger stores every field of an event, and the version
// in which the event was first written, so any event can be made again with the same content. The entry
// must not be a voided request id, because that has no event.
func FromEntry(entry *bank.Entry, code bank.Code) event.Transaction {
	var t event.Transaction
	fill(&t, entry, code, nil)
	return t
}

// textBuffer holds the texts of the ids of one event, so that they need no allocation. It has room
// for all of them; a nil textBuffer allocates.
type textBuffer struct {
	used int
	room [8*36 + 64]byte
}

// eventID and id return texts that are valid until the buffer is used again.
func (s *textBuffer) eventID(entry *bank.Entry) string {
	if s == nil {
		return entry.EventID()
	}
	start := s.used
	s.used = len(entry.AppendEventID(s.room[:start]))
	return unsafe.String(&s.room[start], s.used-start)
}

func (s *textBuffer) id(id bank.ID) string {
	if id.IsZero() {
		return ""
	}
	if s == nil {
		return id.String()
	}
	start := s.used
	s.used = len(id.Append(s.room[:start]))
	return unsafe.String(&s.room[start], s.used-start)
}

// fill makes the event of an entry, as the version of the event says it in which it was first written.
func fill(t *event.Transaction, entry *bank.Entry, code bank.Code, texts *textBuffer) {
	fillNewest(t, entry, code, texts)
	if entry.EventVersion < event.NewestVersion {
		// The only error is a version that does not exist.
		_ = t.AsOf(max(int(entry.EventVersion), firstRecorded-1))
	}
}

func fillNewest(t *event.Transaction, entry *bank.Entry, code bank.Code, texts *textBuffer) {
	*t = event.Transaction{
		EventID:               texts.eventID(entry),
		TransactionID:         texts.id(entry.TransactionID),
		AccountID:             texts.id(entry.AccountID),
		CustomerID:            texts.id(entry.CustomerID),
		BankCode:              string(code),
		Kind:                  event.Kind(entry.Kind.String()),
		Direction:             event.Direction(entry.Direction.String()),
		Status:                event.Status(entry.Status.String()),
		DeclineCode:           entry.Decline.Code(),
		DeclineReason:         event.DeclineReason(entry.Decline.String()),
		AmountMinor:           entry.Amount,
		Currency:              entry.Currency.String(),
		CardID:                texts.id(entry.Card.ID),
		CardBrand:             brandOf(entry.Card),
		CardLast4:             entry.Card.Last4,
		CardBIN:               entry.Card.BIN,
		MerchantID:            entry.Merchant.ID,
		MerchantName:          entry.Merchant.Name,
		MerchantCategoryCode:  entry.Merchant.CategoryCode,
		MerchantCity:          entry.Merchant.City,
		MerchantCountry:       entry.Merchant.Country,
		Channel:               event.Channel(entry.Channel.String()),
		Description:           entry.Description,
		OriginalTransactionID: texts.id(entry.OriginalID),
		CounterpartyName:      entry.CounterpartyName,
		EndToEndID:            entry.EndToEndID,
		DecisionMicros:        event.Some(entry.DecisionMicros),
		OccurredAtMillis:      entry.OccurredAt.UnixMilli(),
		TraceID:               entry.Request.TraceID,
		ProducerVersion:       entry.ProducerVersion,
		CardUse:               event.CardUse(entry.CardUse.String()),
		RiskRule:              event.RiskRule(entry.Risk.Rule.String()),
		Leg:                   event.Some(int32(entry.Leg)),
		Relation:              event.Relation(entry.Relation().String()),
		AccountKind:           event.AccountKind(entry.AccountKind.String()),
		CounterpartyAccountID: texts.id(entry.CounterpartyAccountID),
		CounterpartyBankCode:  string(entry.CounterpartyBankCode),
		HoldID:                texts.id(entry.HoldID),
		PrincipalKind:         event.PrincipalKind(entry.Request.PrincipalKind.String()),
		MerchantReference:     entry.MerchantReference,
		Mode:                  event.Mode(entry.Mode.String()),
	}
	if !entry.HoldExpiresAt.IsZero() {
		t.HoldExpiresAtMillis = event.Some(entry.HoldExpiresAt.UnixMilli())
	}
	if entry.Risk.Rule != 0 {
		t.RiskScore = event.Some(int32(entry.Risk.Score))
	}
	if entry.Attempt > 0 {
		t.Attempt = event.Some(entry.Attempt)
	}
	if entry.IsRefusal() {
		return
	}
	t.Sequence = event.Some(entry.Sequence)
	t.BalanceAfterMinor = event.Some(entry.BalanceAfter)
	t.HeldAfterMinor = event.Some(entry.HeldAfter)
	t.AvailableAfterMinor = event.Some(entry.AvailableAfter())
	t.CreditLimitMinor = event.Some(entry.CreditLimitAfter)
}

// brandOf returns no brand when no card was presented.
func brandOf(snapshot bank.CardSnapshot) event.CardBrand {
	if snapshot == (bank.CardSnapshot{}) {
		return ""
	}
	return event.CardBrand(snapshot.Brand.String())
}
