package banktest

import (
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The generators make every value that a store must keep, not only the values that today's commands
// produce.

// text is any UTF-8 without U+0000.
func text() *rapid.Generator[string] {
	return rapid.Map(rapid.String(), func(s string) string { return strings.ReplaceAll(s, "\x00", "0") })
}

func anyID() *rapid.Generator[bank.ID] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 16, 16), func(b []byte) bank.ID { return bank.ID(b) })
}

func hash() *rapid.Generator[[32]byte] {
	return rapid.Map(rapid.SliceOfN(rapid.Byte(), 32, 32), func(b []byte) [32]byte { return [32]byte(b) })
}

// timestamp is a time between 1970 and 2100, in whole microseconds.
func timestamp() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(1, 4_102_444_800_000_000), func(micros int64) time.Time { return time.UnixMicro(micros).UTC() })
}

// optionalTimestamp is the zero time or a timestamp.
func optionalTimestamp() *rapid.Generator[time.Time] {
	return rapid.OneOf(rapid.Just(time.Time{}), timestamp())
}

func amount() *rapid.Generator[int64] { return rapid.Int64Range(0, field.MaxMinor) }

func cardSnapshot(id bank.ID) *rapid.Generator[bank.CardSnapshot] {
	return rapid.Custom(func(t *rapid.T) bank.CardSnapshot {
		return bank.CardSnapshot{
			ID:    id,
			Brand: pan.Brand(rapid.IntRange(0, int(pan.JCB)).Draw(t, "brand")),
			BIN:   text().Draw(t, "bin"),
			Last4: text().Draw(t, "last4"),
		}
	})
}

func keepsCards(t *testing.T, ledger Ledger) {
	rapid.Check(t, func(t *rapid.T) {
		account := bank.Account{
			ID: NewID(), CustomerID: anyID().Draw(t, "customer"), Currency: BRL,
			Kind:        rapid.SampledFrom([]bank.AccountKind{bank.AccountCard, bank.AccountWallet}).Draw(t, "kind"),
			Balance:     rapid.Int64Range(-field.MaxMinor, field.MaxMinor).Draw(t, "balance"),
			Held:        amount().Draw(t, "held"),
			Sequence:    rapid.Int64Range(1, 1<<40).Draw(t, "sequence"),
			LastAt:      timestamp().Draw(t, "last"),
			CreditLimit: amount().Draw(t, "limit"),
		}
		if account.Kind == bank.AccountWallet {
			account.CreditLimit, account.Balance = 0, account.Held+amount().Draw(t, "free")
		}
		if rapid.Bool().Draw(t, "is closed") {
			account.Balance, account.Held, account.ClosedAt = amount().Draw(t, "given back"), 0, timestamp().Draw(t, "closed")
		}
		cardID := NewID()
		card := bank.Card{
			CardSnapshot: cardSnapshot(cardID).Draw(t, "snapshot"), AccountID: account.ID, HolderName: text().Draw(t, "holder"),
			Expiry:   pan.Expiry{Month: rapid.IntRange(1, 12).Draw(t, "month"), Year: rapid.IntRange(1990, 9999).Draw(t, "year")},
			IssuedAt: timestamp().Draw(t, "issued"),
		}
		drawState(t, &card)
		issued := bank.NewCard{
			Card: card, Lookup: hash().Draw(t, "lookup"),
			Sealed: bank.Sealed{KeyID: text().Draw(t, "key"), Ciphertext: rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "ciphertext")},
		}
		require.NoError(t, ledger.Execute(t.Context(), bank.Keys{}, func(book *bank.Book) error {
			book.Open(account)
			book.Issue(issued)
			return nil
		}))
		requireCard(t, ledger, card, account)
		sealed, err := ledger.SealedNumber(t.Context(), card.ID)
		require.NoError(t, err)
		require.Equal(t, issued.Sealed, sealed)
		facts, err := ledger.CardByLookup(t.Context(), issued.Lookup)
		require.NoError(t, err)
		require.Equal(t, bank.CardFacts{Card: card.CardSnapshot, AccountID: account.ID, HolderName: card.HolderName, Expiry: card.Expiry}, facts)

		drawState(t, &card)
		keys := bank.Keys{Accounts: []bank.ID{account.ID}, Cards: []bank.ID{card.ID}}
		require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
			book.SetCard(card)
			return nil
		}))
		requireCard(t, ledger, card, account)
	})
}

// drawState draws every field of a card that may change.
func drawState(t *rapid.T, card *bank.Card) {
	card.Blocks = bank.Blocks(rapid.IntRange(0, int(bank.BlockedByBank|bank.BlockedByHolder)).Draw(t, "blocks"))
	card.Used = rapid.Bool().Draw(t, "used")
	card.WrongAt = nil
	if times := rapid.SliceOfN(timestamp(), 0, bank.WrongAttemptsToLock).Draw(t, "wrong"); len(times) > 0 {
		card.WrongAt = times
	}
	card.LockedUntil = optionalTimestamp().Draw(t, "locked")
	card.Rules = bank.PurchaseRules{
		Limit: amount().Draw(t, "limit"), Minimum: amount().Draw(t, "minimum"), PerMinute: rapid.Int32Range(0, 1<<31-1).Draw(t, "rate"),
	}
	card.Frequency = bank.Frequency{Level: rapid.Int64().Draw(t, "level"), At: optionalTimestamp().Draw(t, "at")}
}

// requireCard reads a card and its account without locks and with them, and compares both with what
// was written.
func requireCard(t *rapid.T, ledger Ledger, card bank.Card, account bank.Account) {
	read, its, err := ledger.Card(t.Context(), card.ID)
	require.NoError(t, err)
	require.Equal(t, card, read)
	require.Equal(t, account, its)
	alone, err := ledger.Account(t.Context(), account.ID)
	require.NoError(t, err)
	require.Equal(t, account, alone)
	keys := bank.Keys{Accounts: []bank.ID{account.ID}, Cards: []bank.ID{card.ID}}
	require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
		locked, _ := book.Card(card.ID)
		require.Equal(t, card, locked)
		owner, _ := book.Account(account.ID)
		require.Equal(t, account, owner)
		return nil
	}))
}

func keepsEntries(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	card, account, err := ledger.Card(t.Context(), customer.Card)
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		entry := Entry(card.CardSnapshot, customer.Account).Draw(t, "entry")
		effect := bank.Effect{
			Balance: rapid.Int64Range(-field.MaxMinor, field.MaxMinor).Draw(t, "balance"),
			Held:    amount().Draw(t, "held"), CreditLimit: amount().Draw(t, "limit"),
		}
		at := timestamp().Draw(t, "at").Truncate(time.Millisecond)
		keys := bank.Keys{Accounts: []bank.ID{customer.Account}, Transactions: []bank.ID{entry.TransactionID}}
		var posted bank.Entry
		require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
			if entry.IsRefusal() {
				posted = *book.Refuse(entry, at)
				return nil
			}
			written, err := book.Post(entry, effect, at)
			if err == nil {
				posted = *written
			}
			return err
		}))
		if !posted.IsRefusal() {
			require.Equal(t, account.CustomerID, posted.CustomerID)
		}
		read, _, err := ledger.Transaction(t.Context(), entry.TransactionID)
		require.NoError(t, err)
		require.Equal(t, posted, read)
		require.NoError(t, ledger.Execute(t.Context(), keys, func(book *bank.Book) error {
			require.Equal(t, &posted, book.Entry(entry.TransactionID))
			return nil
		}))
	})
}

// Entry generates entries with random values in every field that a store must keep, each with a
// random transaction id. They belong to the account and the card, or are refusals.
func Entry(card bank.CardSnapshot, account bank.ID) *rapid.Generator[bank.Entry] {
	return rapid.Custom(func(t *rapid.T) bank.Entry {
		e := bank.Entry{
			TransactionID: NewID(), AccountID: account,
			Request: bank.Request{
				Caller: text().Draw(t, "caller"), ID: text().Draw(t, "request"),
				Fingerprint: hash().Draw(t, "fingerprint"), TraceID: text().Draw(t, "trace"),
				PrincipalKind: principal.Kind(rapid.IntRange(0, int(principal.Nobody)).Draw(t, "principal")),
			},
			Kind:      bank.Kind(rapid.IntRange(int(bank.KindOpening), int(bank.KindClosing)).Draw(t, "kind")),
			Direction: bank.Direction(rapid.IntRange(int(bank.Debit), int(bank.NoDirection)).Draw(t, "direction")),
			Status:    bank.Status(rapid.IntRange(int(bank.Approved), int(bank.Voided)).Draw(t, "status")),
			Amount:    amount().Draw(t, "amount"),
			Card:      rapid.OneOf(rapid.Just(card), rapid.Just(bank.CardSnapshot{}), cardSnapshot(bank.ID{})).Draw(t, "card"),
			Merchant: bank.Merchant{
				ID: text().Draw(t, "merchant"), Name: text().Draw(t, "name"), CategoryCode: text().Draw(t, "category"),
				City: text().Draw(t, "city"), Country: text().Draw(t, "country"),
			},
			Channel:     bank.Channel(rapid.IntRange(0, int(bank.ChannelAPI)).Draw(t, "channel")),
			Description: text().Draw(t, "description"), CounterpartyName: text().Draw(t, "counterparty"),
			EndToEndID: text().Draw(t, "end to end"), Attempt: rapid.Int32().Draw(t, "attempt"),
			OriginalID:      rapid.OneOf(rapid.Just(bank.ID{}), anyID()).Draw(t, "original"),
			DecisionMicros:  rapid.Int64().Draw(t, "micros"),
			ProducerVersion: text().Draw(t, "version"),
			CardUse:         bank.CardUse(rapid.IntRange(0, int(bank.LaterUse)).Draw(t, "card use")),
			EventVersion:    rapid.Uint8Range(0, 9).Draw(t, "event version"),
		}
		drawRare(t, &e)
		if rule := rapid.IntRange(0, int(bank.RiskVelocity)).Draw(t, "risk rule"); rule > 0 {
			e.Risk = bank.Risk{Rule: bank.RiskRule(rule), Score: rapid.Uint8Range(0, bank.MaxRiskScore).Draw(t, "risk score")}
		}
		fitFields(t, &e)
		return e
	})
}

// drawRare draws the fields that most entries do not have, for about every second entry.
func drawRare(t *rapid.T, e *bank.Entry) {
	if rapid.Bool().Draw(t, "plain") {
		return
	}
	e.CounterpartyAccountID = rapid.OneOf(rapid.Just(bank.ID{}), anyID()).Draw(t, "counterparty account")
	e.CounterpartyBankCode = bank.Code(text().Draw(t, "counterparty bank"))
	e.HoldID = rapid.OneOf(rapid.Just(bank.ID{}), anyID()).Draw(t, "hold")
	e.HoldExpiresAt = optionalTimestamp().Draw(t, "hold expires")
	e.MerchantReference = text().Draw(t, "reference")
	e.Mode = bank.Mode(rapid.IntRange(0, int(bank.TestMode)).Draw(t, "mode"))
}

// fitFields makes the fields of an entry fit each other.
func fitFields(t *rapid.T, e *bank.Entry) {
	if e.Kind != bank.KindReversal && e.Kind != bank.KindVoid && e.Kind != bank.KindPixReturn {
		e.OriginalID = bank.ID{}
	}
	switch e.Status {
	case bank.Approved:
		fitApproved(t, e)
	case bank.Declined:
		e.Direction = directionOf(e.Kind, e.Leg)
		e.Decline = bank.DeclineReason(rapid.IntRange(1, len(bank.DeclineReasons())).Draw(t, "decline"))
		if rapid.Bool().Draw(t, "refused") {
			e.AccountID = bank.ID{}
		}
	case bank.Applied:
		e.Amount = 0
		if e.Kind == bank.KindClosing {
			e.Kind = bank.KindLimitChange // Only an account that has nothing is closed.
		}
	case bank.Voided:
		e.AccountID = bank.ID{}
	}
	if e.Kind == bank.KindHold {
		e.HoldID = e.TransactionID
	}
	if e.IsRefusal() {
		e.Currency = BRL
	}
}

// fitApproved makes an approved entry a credit, because the limit does not apply to credits, whatever the
// balance.
func fitApproved(t *rapid.T, e *bank.Entry) {
	e.Direction = bank.Credit
	if directionOf(e.Kind, e.Leg) == bank.Debit || e.Kind == bank.KindHold || e.Kind == bank.KindCapture ||
		e.Kind == bank.KindPixOut || e.Kind == bank.KindExpiry {
		e.Kind = bank.KindDeposit // Holds have rules of their own.
	}
	if (e.Kind == bank.KindReversal || e.Kind == bank.KindVoid || e.Kind == bank.KindPixReturn) && e.OriginalID.IsZero() {
		e.OriginalID = anyID().Draw(t, "gives back")
	}
	switch e.Kind {
	case bank.KindReversal, bank.KindDeposit, bank.KindVoid, bank.KindPixIn, bank.KindPixReturn:
	default:
		if !rapid.Bool().Draw(t, "moves") {
			return
		}
	}
	e.DebitAccount, e.CreditAccount = NewID(), e.AccountID
}
