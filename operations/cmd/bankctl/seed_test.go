package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/bank/card"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/event"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// flaky is a ledger that sometimes does not know what became of a command.
type flaky struct {
	bank.Submitter
	every, count int64
}

func (f *flaky) SubmitAll(ctx context.Context, commands []bank.Command) []bank.Result {
	results := f.Submitter.SubmitAll(ctx, commands)
	if f.every > 0 && atomic.AddInt64(&f.count, 1)%f.every == 0 {
		for i := range results {
			results[i] = bank.Result{Err: fault.New(fault.Unavailable, "AWAY", "Away.")}
		}
	}
	return results
}

// seedBank serves a bank in memory and returns its store and address.
func seedBank(t *testing.T, past *bank.History, unknownEvery int64) (*inmem.Store, string) {
	t.Helper()
	store := inmem.New(time.Now)
	keys, err := vault.Generate()
	require.NoError(t, err)
	executor := ledger.New(ledger.Config{Store: store, Encoder: kafka.NewEncoder("001"), Now: time.Now, ProducerVersion: "test"})
	submitter := &flaky{Submitter: executor, every: unknownEvery}
	server, err := serve.Listen(serve.Config{Name: "bank", GRPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0"})
	require.NoError(t, err)
	bankv1.RegisterCardServiceServer(server, &rpc.Cards{Service: &card.Service{
		Code: "001", Ledger: submitter, Directory: store, Reader: store, Tokens: store, Vault: keys, Random: rand.Reader, Now: time.Now, History: past,
	}})
	bankv1.RegisterPurchaseServiceServer(server, &rpc.Purchases{Service: &purchase.Service{
		Code: "001", Ledger: submitter, Directory: store, Reader: store, Vault: keys, History: past,
	}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
		require.NoError(t, executor.Close(context.Background()))
	})
	return store, server.GRPCAddress()
}

func seedArgs(address string, more ...string) []string {
	return append([]string{"seed", "history", "--bank-address", address, "--seed", "5", "--days", "120", "--purchases", "3000",
		"--end", "2026-06-01", "--timeout", "30s", "-o", "json"}, more...)
}

func bankctl(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	status = run(t.Context(), args, nil, streams{out: &out, err: &err})
	return status, out.String(), err.String()
}

// outboxOf returns the events of a store in the order of its decisions.
func outboxOf(t *testing.T, store *inmem.Store) []event.Transaction {
	t.Helper()
	rows, err := store.Fetch(t.Context(), 1_000_000, nil)
	require.NoError(t, err)
	events := make([]event.Transaction, len(rows))
	decoders := map[int]*event.Decoder{}
	for i, row := range rows {
		decoder, ok := decoders[row.Event.SchemaVersion]
		if !ok {
			decoder, err = event.NewVersionDecoder(row.Event.SchemaVersion)
			require.NoError(t, err)
			decoders[row.Event.SchemaVersion] = decoder
		}
		require.NoError(t, decoder.Decode(row.Event.Body, &events[i]))
	}
	return events
}

func TestASeededHistoryIsDecidedOnceInTheOrderOfEachAccount(t *testing.T) {
	store, address := seedBank(t, &bank.History{Now: time.Now}, 40)
	status, stdout, stderr := bankctl(t, seedArgs(address)...)
	require.Zero(t, status, stderr)
	var first seeded
	require.NoError(t, json.Unmarshal([]byte(stdout), &first))
	require.Equal(t, 3000, first.Purchases)
	declined := 0
	for reason, count := range first.Declined {
		require.Positive(t, count, reason)
		declined += count
	}
	require.Equal(t, 3000, first.Approved+declined)
	require.Len(t, first.Declined, 11, "declined for every reason there is: %v", first.Declined)
	require.Positive(t, first.Reversals)

	events := outboxOf(t, store)
	require.Len(t, events, first.Events)
	sequence, latest := map[string]int64{}, map[string]time.Time{}
	for _, e := range events {
		if e.AccountID == "" {
			continue
		}
		sequence[e.AccountID]++
		require.Equal(t, sequence[e.AccountID], e.Sequence.Value)
		require.False(t, e.OccurredAt().Before(latest[e.AccountID]))
		latest[e.AccountID] = e.OccurredAt()
	}

	status, stdout, stderr = bankctl(t, seedArgs(address, "--shares", "3")...)
	require.Zero(t, status, stderr)
	var second seeded
	require.NoError(t, json.Unmarshal([]byte(stdout), &second))
	second.Millis, second.PerSecond = first.Millis, first.PerSecond
	require.Equal(t, first, second)
	require.Equal(t, events, outboxOf(t, store), "the second time changes nothing")
}

func TestASeedingThatWasCutOffIsFinishedByAnother(t *testing.T) {
	seed := func(address string) seeded {
		status, stdout, stderr := bankctl(t, seedArgs(address)...)
		require.Zero(t, status, stderr)
		var done seeded
		require.NoError(t, json.Unmarshal([]byte(stdout), &done))
		done.Millis, done.PerSecond = 0, 0
		return done
	}
	_, address := seedBank(t, &bank.History{Now: time.Now}, 0)
	whole := seed(address)

	store, address := seedBank(t, &bank.History{Now: time.Now}, 0)
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	ended := make(chan int)
	go func() { ended <- run(ctx, seedArgs(address), nil, streams{out: io.Discard, err: io.Discard}) }()
	require.Eventually(t, func() bool {
		rows, _, err := store.Backlog(t.Context())
		return err == nil && rows > int64(whole.Events/2)
	}, time.Minute, time.Millisecond)
	cut()
	require.Equal(t, exitFailed, <-ended)
	require.Less(t, len(outboxOf(t, store)), whole.Events)

	require.Equal(t, whole, seed(address))
	require.Len(t, outboxOf(t, store), whole.Events)
}

func TestSeedingNeedsABankStartedForIt(t *testing.T) {
	store, address := seedBank(t, nil, 0)
	status, _, stderr := bankctl(t, seedArgs(address)...)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "--history")
	require.Empty(t, outboxOf(t, store))
}

func TestTheClosingTableHasEveryFigure(t *testing.T) {
	_, address := seedBank(t, &bank.History{Now: time.Now}, 0)
	status, stdout, stderr := bankctl(t, "seed", "history", "--bank-address", address, "--days", "30", "--purchases", "1000", "--end", "2026-06-01")
	require.Zero(t, status, stderr)
	for _, figure := range []string{"days  ", "cards  ", "purchases  ", "approved  ", "declined  ", "CVV_MISMATCH  ", "reversals  ", "events  ", "purchases a second  "} {
		require.Contains(t, stdout, figure)
	}
}
