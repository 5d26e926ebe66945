package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/ledger"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/field"
)

const (
	benchmarkedAccounts = 1_000
	benchmarkedCommands = 8_192 // in each part of a round
)

// BenchmarkTransfers compares transfers with card purchases, on Postgres and by the same number of
// callers: in each round card purchases, transfers between two accounts at random, and transfers by 64
// callers on one pair of accounts, in one direction and in both. "random/card" is a rate over that of
// the purchases. "random-cpu" is the processor time of a command, on both sides, over that of a purchase;
// it is what counts on a machine that does other work too. Run it with -benchtime 5x.
func BenchmarkTransfers(b *testing.B) {
	for _, callers := range []int{64, 256, 1024} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkTransfers(b, callers) })
	}
}

func benchmarkTransfers(b *testing.B, callers int) {
	store := openAt(b, postgrestest.Database(b))
	executor := newExecutor(b, store)
	customers := banktest.OpenCustomers(b, store, benchmarkedAccounts, field.MaxMinor)
	wallets := openWallets(b, store, benchmarkedAccounts, field.MaxMinor/10)
	between := func(from, to int) bank.Command {
		return &transfer{id: banktest.NewID(), from: wallets[from], to: wallets[to], amount: 1}
	}
	parts := []struct {
		name    string
		callers int
		command func(i int64) bank.Command
	}{
		{"card", callers, func(int64) bank.Command {
			return &cardPurchase{id: banktest.NewID(), customer: customers[rand.IntN(len(customers))]}
		}},
		{"random", callers, func(int64) bank.Command {
			from := rand.IntN(len(wallets))
			return between(from, (from+1+rand.IntN(len(wallets)-1))%len(wallets))
		}},
		{"pair", 64, func(int64) bank.Command { return between(0, 1) }},
		{"both-ways", 64, func(i int64) bank.Command { return between(int(i)%2, int(i+1)%2) }},
	}
	spent, processor := make([]time.Duration, len(parts)), make([]time.Duration, len(parts))
	round := func() {
		for i, part := range parts {
			client, server := processorTime(b)
			began := time.Now()
			submitFrom(b, executor, part.callers, part.command)
			spent[i] += time.Since(began)
			clientAfter, serverAfter := processorTime(b)
			processor[i] += clientAfter - client + serverAfter - server
		}
	}
	round() // The accounts are met once.
	clear(spent)
	clear(processor)
	before := store.Stats()
	for b.Loop() {
		round()
	}
	after := store.Stats()
	b.ReportMetric(float64(b.N*benchmarkedCommands)/spent[0].Seconds(), "card/s")
	for i, part := range parts[1:] {
		b.ReportMetric(spent[0].Seconds()/spent[i+1].Seconds(), part.name+"/card")
		b.ReportMetric(processor[i+1].Seconds()/processor[0].Seconds(), part.name+"-cpu")
	}
	b.ReportMetric(float64(after.Locked-before.Locked)/float64(b.N), "locked/op")
}

// submitFrom submits benchmarkedCommands commands from a number of callers, each of which waits for its
// answer.
func submitFrom(b *testing.B, executor *ledger.Executor, callers int, command func(i int64) bank.Command) {
	var submitted atomic.Int64
	var working sync.WaitGroup
	for range callers {
		working.Go(func() {
			for {
				i := submitted.Add(1)
				if i > benchmarkedCommands {
					return
				}
				outcome, err := executor.Submit(b.Context(), command(i))
				if err != nil || outcome.Entry.Status != bank.Approved {
					b.Error(outcome.Entry, err)
				}
			}
		})
	}
	working.Wait()
}

// cardPurchase is a plain command on one account: it pays with a card that was used before and has no
// rules.
type cardPurchase struct {
	id       bank.ID
	customer banktest.Customer
}

func (c *cardPurchase) Key() bank.ID    { return c.id }
func (c *cardPurchase) Keys() bank.Keys { return banktest.KeysOf(c.customer, c.id) }

func (c *cardPurchase) Decide(book *bank.Book, now time.Time) bank.Outcome {
	entry := banktest.Purchase(c.customer, c.id, 1)
	first, err := book.Repeat(c.id, &entry.Request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	posted, err := book.Post(entry, bank.Effect{Balance: -1}, now)
	return bank.Outcome{Entry: posted, Err: err}
}

// BenchmarkAlone compares a transfer that finds the bank idle with such a card purchase, by turns.
func BenchmarkAlone(b *testing.B) {
	store := openAt(b, postgrestest.Database(b))
	executor := newExecutor(b, store)
	customers := banktest.OpenCustomers(b, store, benchmarkedAccounts, field.MaxMinor)
	wallets := openWallets(b, store, benchmarkedAccounts, field.MaxMinor/10)
	var purchases, transfers time.Duration
	for b.Loop() {
		for i := range 64 {
			began := time.Now()
			_, err := executor.Submit(b.Context(), &cardPurchase{id: banktest.NewID(), customer: customers[rand.IntN(len(customers))]})
			between := time.Now()
			from := rand.IntN(len(wallets))
			to := (from + 1 + i) % len(wallets)
			_, other := executor.Submit(b.Context(), &transfer{id: banktest.NewID(), from: wallets[from], to: wallets[to], amount: 1})
			purchases, transfers = purchases+between.Sub(began), transfers+time.Since(between)
			if err != nil || other != nil {
				b.Error(err, other)
			}
		}
	}
	b.ReportMetric(float64(purchases.Microseconds())/float64(64*b.N), "card-µs")
	b.ReportMetric(float64(transfers.Microseconds())/float64(64*b.N), "transfer-µs")
	b.ReportMetric(transfers.Seconds()/purchases.Seconds(), "transfer/card")
}
