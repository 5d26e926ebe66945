package postgres

import (
	"math"
	"strings"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPackAndUnpackAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		moment := rapid.Custom(func(t *rapid.T) time.Time {
			if rapid.Bool().Draw(t, "never") {
				return time.Time{}
			}
			return time.UnixMicro(rapid.Int64Range(-1e15, 4e15).Draw(t, "micros")).UTC()
		})
		id := rapid.Custom(func(t *rapid.T) (id bank.ID) {
			copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			return id
		})
		figure := rapid.Int64()
		account := id.Draw(t, "account")
		var currency money.Currency
		copy(currency[:], "BRL")
		k := accountState{version: figure.Draw(t, "version"), readAt: figure.Draw(t, "read at"), account: bank.Account{
			ID: account, CustomerID: id.Draw(t, "customer"), Kind: bank.AccountKind(rapid.IntRange(1, 2).Draw(t, "kind")), Currency: currency,
			Balance: figure.Draw(t, "balance"), Held: figure.Draw(t, "held"), CreditLimit: figure.Draw(t, "limit"),
			Sequence: figure.Draw(t, "sequence"), LastAt: moment.Draw(t, "last"), ClosedAt: moment.Draw(t, "closed"),
		}}
		if rapid.Bool().Draw(t, "card") {
			card := bank.Card{
				CardSnapshot: bank.CardSnapshot{ID: id.Draw(t, "card"), Brand: pan.Brand(rapid.IntRange(0, 6).Draw(t, "brand")), BIN: rapid.StringN(0, 8, 8).Draw(t, "bin"), Last4: rapid.StringN(0, 4, 4).Draw(t, "last4")},
				AccountID:    account, HolderName: rapid.StringN(0, 60, 76).Draw(t, "holder"),
				Expiry: pan.Expiry{Month: rapid.IntRange(1, 12).Draw(t, "month"), Year: rapid.IntRange(0, math.MaxInt16).Draw(t, "year")},
				Rules:  bank.PurchaseRules{Limit: figure.Draw(t, "most"), Minimum: figure.Draw(t, "least"), PerMinute: rapid.Int32().Draw(t, "minute")},
				WrongAt: rapid.SliceOfN(rapid.Map(rapid.Int64Range(0, 4e15), func(micros int64) time.Time { return time.UnixMicro(micros).UTC() }),
					0, bank.WrongAttemptsToLock).Draw(t, "wrong"),
				Blocks: bank.Blocks(rapid.IntRange(0, 3).Draw(t, "blocks")), LockedUntil: moment.Draw(t, "locked"), IssuedAt: moment.Draw(t, "issued"),
				Frequency: bank.Frequency{Level: figure.Draw(t, "level"), At: moment.Draw(t, "at")},
				Used:      rapid.Bool().Draw(t, "used"),
			}
			if len(card.WrongAt) == 0 {
				card.WrongAt = nil
			}
			k.cards = []bank.Card{card}
		}
		p, ok := pack(&k)
		require.True(t, ok)
		require.Equal(t, k, p.unpack(account))
	})
}

func TestACardThatDoesNotFitIsNotCached(t *testing.T) {
	k := accountState{cards: []bank.Card{{HolderName: strings.Repeat("é", 60)}}}
	_, ok := pack(&k)
	require.False(t, ok)
}
