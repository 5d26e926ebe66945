package kafka

import (
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"codebank.dev/schemas/event"
	"github.com/stretchr/testify/require"
)

func fullEntry() *bank.Entry {
	return &bank.Entry{
		TransactionID: bank.ID{1}, AccountID: bank.ID{2}, CustomerID: bank.ID{3}, Sequence: 7,
		Request: bank.Request{Caller: "shop", ID: "r1", TraceID: strings.Repeat("a", 32), PrincipalKind: principal.Service},
		Kind:    bank.KindPurchase, Direction: bank.Debit, Status: bank.Approved, Amount: 400,
		Currency: money.MustCurrency("BRL"), DebitAccount: bank.ID{2}, CreditAccount: bank.ID{9},
		BalanceAfter: -400, HeldAfter: 1, CreditLimitAfter: 1000,
		Card:     bank.CardSnapshot{ID: bank.ID{4}, Brand: pan.Visa, BIN: "411111", Last4: "1111"},
		Merchant: bank.Merchant{ID: "m1", Name: "Books", CategoryCode: "5942", City: "Recife", Country: "BR"},
		Channel:  bank.ChannelECommerce, Description: "three", OriginalID: bank.ID{5}, CounterpartyName: "Ada", EndToEndID: "E1",
		Attempt: 2, DecisionMicros: 55, OccurredAt: time.UnixMilli(1_790_000_000_123).UTC(), ProducerVersion: "test",
		CardUse: bank.LaterUse, Risk: bank.Risk{Score: 40, Rule: bank.RiskCardTesting},
		AccountKind: bank.AccountCard, CounterpartyAccountID: bank.ID{6}, CounterpartyBankCode: "002",
		HoldID: bank.ID{7}, HoldExpiresAt: time.UnixMilli(1_790_000_600_000).UTC(),
		MerchantReference: "order 7", Mode: bank.TestMode, EventVersion: event.NewestVersion,
	}
}

func TestEveryFieldOfAnEntryReachesTheEvent(t *testing.T) {
	entry := fullEntry()
	body, version, err := NewEncoder("001").Append([]byte("before"), entry)
	require.NoError(t, err)
	require.Equal(t, event.NewestVersion, version)
	decoder, err := event.NewVersionDecoder(version)
	require.NoError(t, err)
	var got event.Transaction
	require.NoError(t, decoder.Decode(body[len("before"):], &got))
	require.Equal(t, event.Transaction{
		EventID: "02000000-0000-0000-0000-000000000000:7", TransactionID: "01000000-0000-0000-0000-000000000000",
		AccountID: "02000000-0000-0000-0000-000000000000", CustomerID: "03000000-0000-0000-0000-000000000000", BankCode: "001",
		Sequence: event.Some(int64(7)), Kind: event.KindPurchase, Direction: event.DirectionDebit, Status: event.StatusApproved,
		AmountMinor: 400, Currency: "BRL", BalanceAfterMinor: event.Some(int64(-400)), HeldAfterMinor: event.Some(int64(1)),
		AvailableAfterMinor: event.Some(int64(599)), CreditLimitMinor: event.Some(int64(1000)),
		CardID: "04000000-0000-0000-0000-000000000000", CardBrand: event.CardBrand("VISA"), CardLast4: "1111", CardBIN: "411111",
		MerchantID: "m1", MerchantName: "Books", MerchantCategoryCode: "5942", MerchantCity: "Recife", MerchantCountry: "BR",
		Channel: event.Channel("ECOMMERCE"), Description: "three", OriginalTransactionID: "05000000-0000-0000-0000-000000000000",
		CounterpartyName: "Ada", EndToEndID: "E1", Attempt: event.Some(int32(2)), DecisionMicros: event.Some(int64(55)),
		OccurredAtMillis: 1_790_000_000_123, TraceID: strings.Repeat("a", 32), ProducerVersion: "test",
		CardUse: event.CardUseLater, RiskScore: event.Some(int32(40)), RiskRule: event.RiskRuleCardTesting,
		Leg: event.Some(int32(0)), AccountKind: event.AccountKindCard,
		CounterpartyAccountID: "06000000-0000-0000-0000-000000000000", CounterpartyBankCode: "002",
		HoldID: "07000000-0000-0000-0000-000000000000", HoldExpiresAtMillis: event.Some(int64(1_790_000_600_000)),
		PrincipalKind: event.PrincipalKindService, MerchantReference: "order 7", Mode: event.ModeTest,
	}, got)
	require.Equal(t, got, FromEntry(entry, "001"))
	require.Equal(t, got, Converter("001")(entry))
	waiting, err := NewEncoder("001").Event(entry)
	require.NoError(t, err)
	require.Equal(t, bank.Event{
		TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
		Key: entry.AccountID, SchemaVersion: version, Body: body[len("before"):],
	}, waiting)
}

// The longest texts and the largest figures that the bank accepts are events: the bounds of
// the event's fields refuse nothing that a caller may send.
func TestEverythingThatTheBankAcceptsIsWithinTheEventsBounds(t *testing.T) {
	longest := func(characters int) string { return strings.Repeat("\U0001F600", characters) }
	entry := fullEntry()
	entry.Sequence = 1 << 48
	entry.Request.TraceID = strings.Repeat("f", 32)
	entry.Merchant.ID = strings.Repeat("m", field.MaxWord)
	entry.Merchant.Name, entry.Merchant.City = longest(field.MaxName), longest(field.MaxCity)
	entry.Description, entry.CounterpartyName = longest(field.MaxDescription), longest(field.MaxHolderName)
	entry.EndToEndID = strings.Repeat("E", field.MaxWord)
	entry.Amount, entry.CreditLimitAfter, entry.HeldAfter = field.MaxMinor, field.MaxMinor, field.MaxMinor
	entry.Attempt, entry.DecisionMicros = 1000, time.Hour.Microseconds()
	for _, balance := range []int64{-1000 * field.MaxMinor, 1000 * field.MaxMinor} {
		entry.BalanceAfter = balance
		_, _, err := NewEncoder("001").Append(nil, entry)
		require.NoError(t, err)
	}
}

// The ledger does not store what the version of the event lacks, so an event that is encoded again
// in the newest version has the same content.
func TestAnEventOfAnOlderVersionEncodedAgainSaysTheSame(t *testing.T) {
	for older := 1; older < event.NewestVersion; older++ {
		encoder := NewVersionEncoder("001", older)
		_, _, err := encoder.Append(nil, fullEntry())
		require.ErrorIs(t, err, errVersionTooOld, "the event of the newest version says more")
		entry := fullEntry()
		entry.EventVersion = 0
		entry.Status, entry.Decline, entry.DebitAccount, entry.CreditAccount = bank.Declined, bank.AccountClosed, bank.ID{}, bank.ID{}
		encoder.Omit(entry)
		body, version, err := encoder.Append(nil, entry)
		require.NoError(t, err)
		require.Equal(t, older, version)
		again, newest, err := NewEncoder("001").Append(nil, entry)
		require.NoError(t, err)
		require.Equal(t, event.NewestVersion, newest)
		require.Equal(t, read(t, version, body), read(t, newest, again))
		require.Equal(t, read(t, version, body), FromEntry(entry, "001"), "and so says the audit")
		require.Equal(t, older >= firstRecorded, read(t, newest, again).Leg.Present)
	}
}

func TestTheNewestVersionOmitsNothing(t *testing.T) {
	kept := fullEntry()
	kept.EventVersion = 0
	NewEncoder("001").Omit(kept)
	require.Equal(t, fullEntry(), kept)
	_, _, err := NewVersionEncoder("001", event.NewestVersion+1).Append(nil, kept)
	require.Error(t, err)
}

// A release counts on either leg, a movement on leg 0 alone.
func TestAnEventTellsItsLegAndItsRelation(t *testing.T) {
	entry := fullEntry()
	entry.Kind, entry.Leg = bank.KindReversal, 1
	require.Equal(t, event.Some(int32(1)), FromEntry(entry, "001").Leg)
	require.Empty(t, FromEntry(entry, "001").Relation)
	entry.Leg = 0
	require.Equal(t, event.RelationGivenBack, FromEntry(entry, "001").Relation)
}

func read(t *testing.T, version int, body []byte) (tx event.Transaction) {
	t.Helper()
	decoder, err := event.NewVersionDecoder(version)
	require.NoError(t, err)
	require.NoError(t, decoder.Decode(body, &tx))
	return tx
}

func TestARefusalHasNeitherAccountNorFigures(t *testing.T) {
	entry := &bank.Entry{
		TransactionID: bank.ID{1}, Kind: bank.KindPurchase, Direction: bank.Debit, Status: bank.Declined, Decline: bank.UnknownCard,
		Amount: 5, Currency: money.MustCurrency("BRL"), Card: bank.CardSnapshot{Brand: pan.Visa, Last4: "4242"},
		OccurredAt: time.UnixMilli(1).UTC(), ProducerVersion: "test",
	}
	_, _, err := NewEncoder("001").Append(nil, entry)
	require.NoError(t, err)
	got := FromEntry(entry, "001")
	require.Equal(t, entry.TransactionID.String(), got.EventID)
	require.Equal(t, "14", got.DeclineCode)
	require.Equal(t, "4242", got.CardLast4)
	require.Empty(t, got.AccountID)
	for _, figure := range []event.Optional[int64]{got.Sequence, got.BalanceAfterMinor, got.HeldAfterMinor, got.AvailableAfterMinor, got.CreditLimitMinor} {
		require.False(t, figure.Present)
	}
}

// TestEverySymbolOfTheBankIsASymbolOfTheSchema encodes every symbol: the encoder refuses unknown
// ones.
func TestEverySymbolOfTheBankIsASymbolOfTheSchema(t *testing.T) {
	encoder := NewEncoder("001")
	encode := func(change func(*bank.Entry)) {
		entry := fullEntry()
		change(entry)
		_, _, err := encoder.Append(nil, entry)
		require.NoError(t, err)
	}
	for kind := bank.KindOpening; kind <= bank.KindClosing; kind++ {
		encode(func(e *bank.Entry) { e.Kind = kind })
	}
	for direction := bank.Debit; direction <= bank.NoDirection; direction++ {
		encode(func(e *bank.Entry) { e.Direction = direction })
	}
	for channel := bank.ChannelUnknown; channel <= bank.ChannelAPI; channel++ {
		encode(func(e *bank.Entry) { e.Channel = channel })
	}
	for brand := pan.BrandUnknown; brand <= pan.JCB; brand++ {
		encode(func(e *bank.Entry) { e.Card.Brand = brand })
	}
	for use := bank.CardUse(0); use <= bank.LaterUse; use++ {
		encode(func(e *bank.Entry) { e.CardUse = use })
	}
	for rule := bank.RiskNone; rule <= bank.RiskVelocity; rule++ {
		encode(func(e *bank.Entry) { e.Risk = bank.Risk{Rule: rule, Score: bank.MaxRiskScore} })
	}
	encode(func(e *bank.Entry) { e.Risk = bank.Risk{} })
	for kind := bank.AccountKind(0); kind <= bank.AccountWallet; kind++ {
		encode(func(e *bank.Entry) { e.AccountKind = kind })
	}
	for kind := principal.Kind(0); kind <= principal.Nobody; kind++ {
		encode(func(e *bank.Entry) { e.Request.PrincipalKind = kind })
	}
	for mode := bank.Mode(0); mode <= bank.TestMode; mode++ {
		encode(func(e *bank.Entry) { e.Mode = mode })
	}
	for _, reason := range bank.DeclineReasons() {
		encode(func(e *bank.Entry) { e.Status, e.Decline = bank.Declined, reason })
	}
	encode(func(e *bank.Entry) { e.Status = bank.Applied })
}

func TestEncodingAnEntryAllocatesNothing(t *testing.T) {
	encoder, entry, room := NewEncoder("001"), fullEntry(), make([]byte, 0, 1024)
	// A garbage collection may empty the pool, so a fraction is allowed.
	require.Less(t, testing.AllocsPerRun(1000, func() { _, _, _ = encoder.Append(room, entry) }), 0.5)
}

func BenchmarkAppend(b *testing.B) {
	encoder, entry, room := NewEncoder("001"), fullEntry(), make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = encoder.Append(room, entry)
	}
}
