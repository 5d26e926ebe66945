package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/pipelinetest"
	"codebank.dev/operations/synthetic/sender"
	"codebank.dev/schemas/event"
)

// seedBank starts a bank and returns its ledger and address.
func seedBank(t *testing.T, flags ...string) (*postgres.Store, string) {
	t.Helper()
	url := postgrestest.Database(t)
	bank := pipelinetest.StartBank(t, url, flags...)
	return openStore(t, url), bank.Address
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

// outboxOf returns the events in the outbox in the order of their decisions.
func outboxOf(t *testing.T, store *postgres.Store) []event.Transaction {
	t.Helper()
	rows := outboxEvents(t, store)
	events := make([]event.Transaction, len(rows))
	decoder, err := event.NewVersionDecoder(event.NewestVersion)
	require.NoError(t, err)
	for i, row := range rows {
		require.Equal(t, event.NewestVersion, row.SchemaVersion)
		require.NoError(t, decoder.Decode(row.Body, &events[i]))
	}
	return events
}

func TestASeededHistoryIsDecidedOnceInTheOrderOfEachAccount(t *testing.T) {
	store, address := seedBank(t, "--history")
	address = newFlaky(t, address, 7)
	status, stdout, stderr := bankctl(t, seedArgs(address)...)
	require.Zero(t, status, stderr)
	var first sender.Result
	require.NoError(t, json.Unmarshal([]byte(stdout), &first))
	require.Equal(t, 3000, first.Purchases)
	declined := 0
	for reason, count := range first.Declined {
		require.Positive(t, count, reason)
		declined += count
	}
	require.Equal(t, 3000, first.Approved+declined)
	require.Len(t, first.Declined, 11, "declined for every reason there is: %v", first.Declined)
	for what, count := range map[string]int{
		"holds": first.Holds, "captures": first.Captures, "reversals": first.Reversals, "wallets": first.Wallets,
		"deposits": first.Deposits, "withdrawals": first.Withdrawals, "payments": first.Payments, "transfers": first.Transfers,
	} {
		require.Positive(t, count, what)
	}
	require.Greater(t, first.Holds, first.Captures+first.Voids, "a few holds stay open")

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
	var second sender.Result
	require.NoError(t, json.Unmarshal([]byte(stdout), &second))
	second.Millis, second.PerSecond = first.Millis, first.PerSecond
	require.Equal(t, first, second)
	require.Equal(t, events, outboxOf(t, store), "the second time changes nothing")
}

func TestASeedingThatWasCutOffIsFinishedByAnother(t *testing.T) {
	seed := func(address string) sender.Result {
		status, stdout, stderr := bankctl(t, seedArgs(address)...)
		require.Zero(t, status, stderr)
		var done sender.Result
		require.NoError(t, json.Unmarshal([]byte(stdout), &done))
		done.Millis, done.PerSecond = 0, 0
		return done
	}
	_, address := seedBank(t, "--history")
	whole := seed(address)

	store, address := seedBank(t, "--history")
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	ended := make(chan int)
	go func() { ended <- run(ctx, seedArgs(address), nil, streams{out: io.Discard, err: io.Discard}) }()
	await.Until(t, func() bool {
		last, err := store.LastOutboxID(t.Context())
		return err == nil && last > int64(whole.Events/2)
	}, time.Minute, time.Millisecond)
	cut()
	require.Equal(t, exitFailed, <-ended)
	require.Less(t, len(outboxOf(t, store)), whole.Events)

	require.Equal(t, whole, seed(address))
	require.Len(t, outboxOf(t, store), whole.Events)
}

func TestSeedingNeedsABankStartedForIt(t *testing.T) {
	store, address := seedBank(t)
	status, _, stderr := bankctl(t, seedArgs(address)...)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "--history")
	require.Empty(t, outboxOf(t, store))
}

func TestABankOfThePresentEndsTheHoldsThatAHistoryLeftOpen(t *testing.T) {
	url := postgrestest.Database(t)
	status, stdout, stderr := bankctl(t, seedArgs(pipelinetest.StartBank(t, url, "--history").Address)...)
	require.Zero(t, status, stderr)
	var seeded sender.Result
	require.NoError(t, json.Unmarshal([]byte(stdout), &seeded))
	store := openStore(t, url)
	expired := func() (holds int) {
		for _, e := range outboxOf(t, store) {
			if e.Kind == event.KindExpiry {
				holds++
			}
		}
		return holds
	}
	require.Zero(t, expired(), "a bank that loads a history lets no hold expire")
	open := seeded.Holds - seeded.Captures - seeded.Voids
	require.Positive(t, open)
	pipelinetest.StartBank(t, url)
	await.Until(t, func() bool { return expired() == open }, time.Minute, 200*time.Millisecond)
}

func TestTheClosingTableHasEveryFigure(t *testing.T) {
	_, address := seedBank(t, "--history")
	status, stdout, stderr := bankctl(t, "seed", "history", "--bank-address", address, "--days", "30", "--purchases", "1000", "--end", "2026-06-01")
	require.Zero(t, status, stderr)
	for _, figure := range []string{"days  ", "cards  ", "purchases  ", "approved  ", "declined  ", "CVV_MISMATCH  ", "holds  ", "captures  ", "voids  ",
		"reversals  ", "wallets  ", "deposits  ", "withdrawals  ", "payments  ", "transfers  ", "events  ", "purchases a second  "} {
		require.Contains(t, stdout, figure)
	}
}
