package purchase_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/card"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

const (
	benchmarkedCards = 3_000
	benchmarkedBatch = 240
)

// BenchmarkAMixedBatch decides a batch of purchases by the card's name, and one of purchases by card
// data, by token and by name in equal parts, in turn. "mixed/card" is the second rate over the first.
// Making the tokens is not measured: it is a call of its own, which writes nothing.
func BenchmarkAMixedBatch(b *testing.B) {
	store, err := postgres.Open(b.Context(), postgres.Config{URL: ledgertest.Migrated(b, postgrestest.Database(b)), BankCode: "001"})
	require.NoError(b, err)
	b.Cleanup(store.Close)
	keys, err := vault.Generate()
	require.NoError(b, err)
	replica := newReplica(b, store, keys, banktest.NewClock())
	issued := make([]card.Issued, benchmarkedCards)
	for i := range issued {
		issued[i] = replica.issue(b, func(r *card.IssueRequest) { r.CreditLimitMinor = field.MaxMinor })
	}
	batch := func(mixed bool) time.Duration {
		requests := make([]purchase.Request, benchmarkedBatch)
		for i := range requests {
			one := issued[rand.IntN(len(issued))]
			way := 2
			if mixed {
				way = i % 3
			}
			switch way {
			case 0:
				requests[i] = request(one.Data, 10)
			case 1:
				requests[i] = byToken(replica.tokenize(b, one.Data), 10)
			case 2:
				requests[i] = request(pan.CardData{}, 10)
				requests[i].CardData, requests[i].Card = nil, "cards/"+one.Card.ID.String()
			}
		}
		began := time.Now()
		for _, result := range replica.purchases.AuthorizeAll(b.Context(), requests) {
			require.NoError(b, result.Err)
			require.Zero(b, result.Purchase.Entry.Decline)
		}
		return time.Since(began)
	}
	for range 2 * benchmarkedCards / benchmarkedBatch { // The cards are met once.
		batch(true)
	}
	var byCard, mixed time.Duration
	for b.Loop() {
		byCard += batch(false)
		mixed += batch(true)
	}
	b.ReportMetric(float64(b.N*benchmarkedBatch)/byCard.Seconds(), "card/s")
	b.ReportMetric(float64(b.N*benchmarkedBatch)/mixed.Seconds(), "mixed/s")
	b.ReportMetric(byCard.Seconds()/mixed.Seconds(), "mixed/card")
}
