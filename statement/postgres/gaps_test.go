package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

const bob = "9a7d2c44-0d5b-4f0e-8a43-5f4e7b6c2d02"

// check examines everything that has arrived before the call.
func check(t *testing.T, detector *statement.GapDetector) statement.Gaps {
	t.Helper()
	require.NoError(t, detector.Check(t.Context(), 0))
	gaps, err := detector.Store.Gaps(t.Context(), 100)
	require.NoError(t, err)
	return gaps
}

func detect(store statement.GapStore, log *bytes.Buffer, now func() time.Time) *statement.GapDetector {
	return &statement.GapDetector{Store: store, Logger: slog.New(slog.NewTextHandler(log, nil)), Now: now}
}

func TestAGapIsNamedWithItsRemedyAndForgottenWhenItCloses(t *testing.T) {
	store, sink, _ := opened(t)
	registry := prometheus.NewRegistry()
	var log bytes.Buffer
	clock := time.Now()
	detector := detect(store, &log, func() time.Time { return clock })
	detector.Observe = statement.NewGauges(registry, func() time.Time { return clock }).Observe

	sink.Write(t, purchases(alice, 1, 3)...)
	sink.Write(t, statementtest.Refusal("a-transaction"))
	require.Zero(t, check(t, detector).Count, "what is complete has no gap")
	require.Empty(t, log.String())

	sink.Write(t, purchases(alice, 7, 9)...)
	sink.Write(t, statementtest.Purchase(bob, 2))
	gaps := check(t, detector)
	require.Equal(t, int64(2), gaps.Count)
	require.Len(t, gaps.List, 2)
	require.Equal(t, statement.Gap{Account: alice, Missing: 4, Next: 7}, statement.Gap{Account: gaps.List[0].Account, Missing: gaps.List[0].Missing, Next: gaps.List[0].Next})
	require.Contains(t, log.String(), "bankctl republish --account "+alice+" --from 4")
	require.Contains(t, log.String(), "bankctl republish --account "+bob+" --from 1")
	families, err := registry.Gather()
	require.NoError(t, err)
	metrics := map[string]float64{}
	for _, family := range families {
		metrics[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
	}
	require.Contains(t, metrics, "codebank_statement_gap_seconds")
	require.InDelta(t, 2, metrics["codebank_statement_gaps"], 0)

	log.Reset()
	check(t, detector)
	require.Empty(t, log.String(), "an alarm is not repeated at once")
	clock = clock.Add(time.Hour)
	check(t, detector)
	require.Equal(t, 2, strings.Count(log.String(), "level=ERROR"), "but it is after a while")

	sink.Write(t, statementtest.Purchase(alice, 4))
	gaps = check(t, detector)
	require.Equal(t, int64(5), gaps.List[0].Missing, "a gap that closes from below names what is still missing")
	sink.Write(t, purchases(alice, 5, 6)...)
	sink.Write(t, statementtest.Purchase(bob, 1))
	require.Zero(t, check(t, detector).Count)
	require.Contains(t, log.String(), "a gap has closed")
}

func TestAGapEndsWithTheEventThatStandsBehindIt(t *testing.T) {
	for _, deleted := range []string{"sequence = 1000000000", "sequence > 2", "account_id = '" + alice + "'"} {
		t.Run(deleted, func(t *testing.T) {
			store, sink, _ := opened(t)
			var log bytes.Buffer
			detector := detect(store, &log, time.Now)
			sink.Write(t, purchases(alice, 1, 3)...)
			sink.Write(t, statementtest.Purchase(alice, 1_000_000_000))
			require.Equal(t, int64(1), check(t, detector).Count)
			_, err := sink.Pool().Exec(t.Context(), "DELETE FROM statement_lines WHERE "+deleted)
			require.NoError(t, err)
			log.Reset()
			gaps := check(t, detector)
			require.Zero(t, gaps.Count, "nothing is missing before an event that is not there")
			require.Empty(t, gaps.List)
			require.NotContains(t, log.String(), "level=ERROR")
		})
	}
}

func TestAnEventThatCannotBeShownIsAGapUntilItsRowIsRight(t *testing.T) {
	store, sink, _ := opened(t)
	var log bytes.Buffer
	detector := detect(store, &log, time.Now)
	sink.Write(t, purchases(alice, 1, 3)...)
	damage(t, sink, 1, "balance_after_minor = NULL")
	damage(t, sink, 2, "occurred_at = 'infinity'")
	gaps := check(t, detector)
	require.Equal(t, int64(2), gaps.Count)
	for i, gap := range gaps.List {
		sequence := int64(i) + 1
		gap.Age = 0
		require.Equal(t, statement.Gap{Account: alice, Missing: sequence, Next: sequence, Unsound: true}, gap)
	}
	require.Contains(t, log.String(), "cannot be shown")
	require.Contains(t, log.String(), "then bankctl republish --account "+alice+" --from 2 --to 2")
	require.Equal(t, int64(2), check(t, detector).Count, "they stay")

	_, err := sink.Pool().Exec(t.Context(), "DELETE FROM statement_lines WHERE sequence = 2")
	require.NoError(t, err)
	require.Equal(t, int64(1), check(t, detector).Count)
	_, err = sink.Pool().Exec(t.Context(), "DELETE FROM statement_lines WHERE sequence = 1")
	require.NoError(t, err)
	sink.Write(t, purchases(alice, 1, 2)...)
	gaps = check(t, detector)
	require.Zero(t, gaps.Count)
	require.Empty(t, gaps.List)
}

func TestWhatIsOnlyLateIsNoGap(t *testing.T) {
	store, sink, _ := opened(t)
	var log bytes.Buffer
	detector := detect(store, &log, time.Now)
	sink.Write(t, statementtest.Purchase(alice, 2))
	require.NoError(t, detector.Check(t.Context(), statement.GapAge))
	gaps, err := store.Gaps(t.Context(), 10)
	require.NoError(t, err)
	require.Zero(t, gaps.Count)
	require.Empty(t, log.String())
	require.Equal(t, int64(1), check(t, detector).Count, "the event is examined when it is old enough, not passed over")
}

func TestEventsThatAreNotCommittedYetAreNotPassedOver(t *testing.T) {
	store, sink, _ := opened(t)
	var log bytes.Buffer
	detector := detect(store, &log, time.Now)
	tx, err := sink.Pool().Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	// Without its own row, the transaction is one that may still write.
	_, err = tx.Exec(t.Context(), "INSERT INTO statement_lines (event_id, transaction_id, account_id, sequence, bank_code, kind, direction, status, amount_minor, currency, channel, occurred_at) VALUES ($1, 'x', $2, 5, '001', 'PURCHASE', 'DEBIT', 'APPROVED', 1, 'BRL', 'API', now())", alice+":5", alice)
	require.NoError(t, err)
	sink.Write(t, statementtest.Purchase(bob, 3)) // It moves the arrivals on.
	check(t, detector)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, int64(2), check(t, detector).Count)
}

func TestStretchesOfTimeAreExaminedOneByOne(t *testing.T) {
	store, sink, _ := opened(t)
	sink.Write(t, purchases(alice, 1, 4)...)
	sink.Write(t, statementtest.Purchase(bob, 2))
	_, err := sink.Pool().Exec(t.Context(), "UPDATE statement_lines SET arrived_at = now() - interval '1 hour' + sequence * interval '1 minute'")
	require.NoError(t, err)
	_, err = sink.Pool().Exec(t.Context(), "UPDATE statement_watch SET checked_to = now() - interval '2 hours'")
	require.NoError(t, err)
	total, checks := int64(0), 0
	for caughtUp := false; !caughtUp; checks++ {
		var examined int64
		examined, caughtUp, err = store.FindGaps(t.Context(), 0, 10*time.Minute)
		require.NoError(t, err)
		total += examined
	}
	require.Equal(t, int64(5), total, "each event once")
	require.InDelta(t, 13, checks, 1)
	gaps, err := store.Gaps(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, int64(1), gaps.Count)
	require.InDelta(t, 58*60, gaps.Oldest.Seconds(), 60)
}

func TestOneReplicaLooksAndAllKnow(t *testing.T) {
	first, sink, url := opened(t)
	second := open(t, postgres.Config{URL: serviceURL(t, url), BankCode: statementtest.Bank})
	require.NoError(t, second.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	tx, err := sink.Pool().Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM statement_watch FOR UPDATE")
	require.NoError(t, err)
	examined, caughtUp, err := second.FindGaps(t.Context(), 0, time.Hour)
	require.NoError(t, err, "another replica at work is not waited for")
	require.True(t, caughtUp)
	require.Zero(t, examined)
	require.NoError(t, tx.Rollback(t.Context()))

	sink.Write(t, statementtest.Purchase(alice, 2))
	_, _, err = first.FindGaps(t.Context(), 0, time.Hour)
	require.NoError(t, err)
	gaps, err := second.Gaps(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, int64(1), gaps.Count)
}

func TestAGapDetectorWaitsForItsDatabaseInSilence(t *testing.T) {
	store := open(t, postgres.Config{URL: "postgres://127.0.0.1:1/nothing", BankCode: statementtest.Bank})
	var log bytes.Buffer
	detector := detect(store, &log, time.Now)
	require.Equal(t, fault.Unavailable, fault.CodeOf(detector.Check(t.Context(), 0)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	detector.Run(ctx)
	require.Empty(t, log.String())
}
