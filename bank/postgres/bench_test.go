package postgres_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// benchmarkCustomers is the number of cards that the purchases are spread over.
const benchmarkCustomers = 20_000

// benchmarkBody is about as long as the event of a purchase.
var benchmarkBody = bytes.Repeat([]byte{'e'}, 260)

func BenchmarkExecute(b *testing.B) {
	store, customers := benchmarkLedger(b)
	for _, shape := range []struct{ batch, lanes int }{{1, 1}, {32, 1}, {256, 1}, {256, 4}} {
		batch, lanes := shape.batch, shape.lanes
		b.Run(fmt.Sprintf("batch=%d/lanes=%d", batch, lanes), func(b *testing.B) {
			var batches atomic.Int64
			var group sync.WaitGroup
			b.ReportAllocs()
			client, server := processorTime(b)
			for lane := range lanes {
				group.Go(func() {
					random := rand.New(rand.NewPCG(uint64(lane), uint64(b.N)))
					mine := customers[lane*len(customers)/lanes : (lane+1)*len(customers)/lanes]
					for batches.Add(1) <= int64(b.N) {
						if err := purchaseBatch(b, store, random, mine, batch); err != nil {
							b.Error(err)
						}
					}
				})
			}
			group.Wait()
			purchases := float64(b.N * batch)
			b.ReportMetric(float64(b.Elapsed().Microseconds())/purchases, "µs/purchase")
			b.ReportMetric(purchases/b.Elapsed().Seconds(), "purchases/s")
			clientAfter, serverAfter := processorTime(b)
			b.ReportMetric(float64((clientAfter-client).Microseconds())/purchases, "client-µs/purchase")
			b.ReportMetric(float64((serverAfter-server).Microseconds())/purchases, "server-µs/purchase")
		})
	}
}

func benchmarkLedger(b *testing.B) (*postgres.Store, []banktest.Customer) {
	store := openAt(b, postgrestest.Database(b))
	var customers []banktest.Customer
	for len(customers) < benchmarkCustomers {
		customers = append(customers, banktest.OpenCustomers(b, store, 1000, field.MaxMinor)...)
	}
	return store, customers
}

// purchaseBatch does the executor's work for a full batch: keys, decisions, events.
func purchaseBatch(b *testing.B, store *postgres.Store, random *rand.Rand, customers []banktest.Customer, size int) error {
	var keys bank.Keys
	batch := make([]bank.Entry, size)
	for i := range batch {
		customer := customers[random.IntN(len(customers))]
		id := banktest.NewID()
		batch[i] = banktest.Purchase(customer, id, 100)
		batch[i].Request.TraceID = "4bf92f3577b34da6a3ce929d0e0e4736"
		batch[i].ProducerVersion = "bank 0.1.0"
		keys.Accounts = append(keys.Accounts, customer.Account)
		keys.Cards = append(keys.Cards, customer.Card)
		keys.Transactions = append(keys.Transactions, id)
	}
	keys.Sort()
	return store.Execute(b.Context(), keys, func(book *bank.Book) error {
		for i := range batch {
			card, ok := book.Card(batch[i].Card.ID)
			require.True(b, ok)
			card.Frequency, _ = card.Frequency.Take(1_000_000, banktest.Start)
			book.SetCard(card)
			entry, err := book.Post(batch[i], bank.Effect{Balance: -100}, banktest.Start)
			if err != nil {
				return err
			}
			event := banktest.EventOf(entry)
			event.Body = benchmarkBody
			book.Emit(event)
		}
		return nil
	})
}
