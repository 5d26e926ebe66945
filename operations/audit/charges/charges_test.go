package charges_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit/charges"
)

var before = time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)

// change is a change of a charge of 1000 BRL. Its sequence is counted by changes.
func change(charge, kind, status string) charges.Change {
	return charges.Change{
		Merchant: "cafe", Mode: "LIVE", ChargeID: charge, Kind: kind, Status: status, Amount: 1000, Currency: "BRL",
		OperationKind: "NONE", OperationStatus: "NONE", At: before.Add(-time.Hour),
	}
}

func operation(charge, kind, status, operation, outcome string, minor int64) charges.Change {
	c := change(charge, kind, status)
	c.OperationID, c.OperationKind, c.OperationStatus, c.OperationAmount = operation+" of "+charge, operation, outcome, minor
	return c
}

// history has a charge in every state, and refunds with every outcome.
func history() []charges.Change {
	changes := []charges.Change{
		change("a", "CHARGE_ACCEPTED", "PENDING"), change("a", "CHARGE_DECIDED", "APPROVED"),
		change("b", "CHARGE_ACCEPTED", "PENDING"), change("b", "CHARGE_DECIDED", "REJECTED"),
		change("c", "CHARGE_ACCEPTED", "PENDING"),
		change("d", "CHARGE_ACCEPTED", "PENDING"), change("d", "CHARGE_DECIDED", "AUTHORIZED"),
		operation("d", "OPERATION_ACCEPTED", "AUTHORIZED", "CAPTURE", "PENDING", 600),
		operation("d", "OPERATION_ENDED", "APPROVED", "CAPTURE", "DONE", 600),
		change("e", "CHARGE_ACCEPTED", "PENDING"), change("e", "CHARGE_DECIDED", "AUTHORIZED"),
		operation("e", "OPERATION_ENDED", "AUTHORIZED", "CAPTURE", "REFUSED", 1000),
		change("e", "CHARGE_EXPIRED", "EXPIRED"),
		change("f", "CHARGE_ACCEPTED", "PENDING"), change("f", "CHARGE_DECIDED", "AUTHORIZED"),
		operation("f", "OPERATION_ENDED", "VOIDED", "VOID", "DONE", 1000),
		operation("a", "OPERATION_ACCEPTED", "APPROVED", "REFUND", "PENDING", 300),
		operation("a", "OPERATION_ENDED", "APPROVED", "REFUND", "DONE", 300),
		operation("d", "OPERATION_ACCEPTED", "APPROVED", "REFUND", "PENDING", 50),
		operation("d", "OPERATION_ENDED", "APPROVED", "REFUND", "REFUSED", 50),
		operation("a", "OPERATION_ACCEPTED", "APPROVED", "REFUND", "PENDING", 7),
	}
	for i := range changes {
		changes[i].Sequence, changes[i].EventID = int64(i+1), fmt.Sprintf("%s/%d", changes[i].ChargeID, i+1)
	}
	return changes
}

func source(changes []charges.Change, failure error) charges.Source {
	return func(_ context.Context, at time.Time) iter.Seq2[charges.Change, error] {
		return func(yield func(charges.Change, error) bool) {
			for _, c := range changes {
				if c.At.Before(at) && !yield(c, nil) {
					return
				}
			}
			if failure != nil {
				yield(charges.Change{}, failure)
			}
		}
	}
}

func compare(t *testing.T, database, index []charges.Change) *charges.Report {
	t.Helper()
	report, err := (&charges.Audit{Database: source(database, nil), Index: source(index, nil), Before: before, MaxFindings: 2}).Run(t.Context())
	require.NoError(t, err)
	return report
}

func TestEqualPlacesHaveTheSameCountsAndSums(t *testing.T) {
	report := compare(t, history(), history())
	require.True(t, report.Equal, report.Findings)
	require.Equal(t, `charges before 2026-12-01T05:00:00Z: 21 changes in the database, 21 documents in the index
charges of cafe LIVE APPROVED: 2, 2000 BRL
charges of cafe LIVE EXPIRED: 1, 1000 BRL
charges of cafe LIVE PENDING: 1, 1000 BRL
charges of cafe LIVE REJECTED: 1, 1000 BRL
charges of cafe LIVE VOIDED: 1, 1000 BRL
refunds of cafe LIVE DONE: 1, 300 BRL
refunds of cafe LIVE PENDING: 1, 7 BRL
refunds of cafe LIVE REFUSED: 1, 50 BRL
audit charges: equal
`, report.Table())
	require.True(t, compare(t, nil, nil).Equal, "no merchant has charged anything")
}

func TestWhatIsMissingSurplusOrAlteredIsNamed(t *testing.T) {
	for name, wrong := range map[string]struct {
		index func(changes []charges.Change) []charges.Change
		kind  string
		said  string
		line  string
	}{
		"a document less": {
			func(c []charges.Change) []charges.Change { return slices.Delete(c, 1, 2) }, charges.Missing, "the index does not have it",
			"charges of cafe LIVE APPROVED: 2, 2000 BRL, and in the index 1, 1000 BRL\n",
		},
		"the last document less": {
			func(c []charges.Change) []charges.Change { return c[:len(c)-1] }, charges.Missing, "the index does not have it",
			"refunds of cafe LIVE PENDING: 1, 7 BRL, and in the index 0, 0 BRL\n",
		},
		"a document more": {
			func(c []charges.Change) []charges.Change {
				more := change("x", "CHARGE_ACCEPTED", "PENDING")
				more.Merchant, more.Sequence, more.EventID = "shop", 1, "x/1"
				return append(c, more)
			}, charges.Surplus, "the database does not have it", "charges of shop LIVE PENDING: 0, 0 BRL, and in the index 1, 1000 BRL\n",
		},
		"a document twice": {
			func(c []charges.Change) []charges.Change { return slices.Insert(c, 5, c[4]) }, charges.Surplus, "the database does not have it",
			"charges of cafe LIVE PENDING: 1, 1000 BRL, and in the index 2, 2000 BRL\n",
		},
		"another amount": {
			func(c []charges.Change) []charges.Change { c[0].Amount++; return c }, charges.Altered,
			`amount_minor is "1000" in the database and "1001" in the index`, "and in the index 1, 1001 BRL\n",
		},
		"another time": {
			func(c []charges.Change) []charges.Change { c[3].At = c[3].At.Add(time.Millisecond); return c }, charges.Altered, "occurred_at is ", "",
		},
	} {
		report := compare(t, history(), wrong.index(history()))
		require.EqualValues(t, 1, report.FindingCount, "%s: %v", name, report.Findings)
		require.Equal(t, wrong.kind, report.Findings[0].Kind, name)
		require.Contains(t, report.Findings[0].Detail, wrong.said, name)
		require.Contains(t, report.Table(), wrong.line, name)
		require.Contains(t, report.Table(), "audit charges: DIFFERENT (1 findings)\n", name)
	}
	report := compare(t, history(), nil)
	require.EqualValues(t, 21, report.FindingCount)
	require.Len(t, report.Findings, 2, "the first findings are shown, and all are counted")
}

func TestChangesThatAreNotSettledAreIgnored(t *testing.T) {
	database := history()
	database[20].At = before
	require.True(t, compare(t, database, history()[:20]).Equal)
}

func TestAPlaceThatCannotBeReadIsNoDifference(t *testing.T) {
	away := errors.New("it is away")
	for place, audit := range map[string]*charges.Audit{
		charges.Database: {Database: source(history(), away), Index: source(history(), nil), Before: before},
		charges.Index:    {Database: source(history(), nil), Index: source(nil, away), Before: before},
		"order":          {Database: source(history(), nil), Index: source([]charges.Change{history()[1], history()[0]}, nil), Before: before},
	} {
		_, err := audit.Run(t.Context())
		var failure *charges.AwayError
		require.ErrorAs(t, err, &failure, place)
		if place != "order" {
			require.ErrorIs(t, err, away)
			require.Equal(t, place, failure.Place)
		}
	}
}

func TestADocumentIsReadAsTheChangeThatItShows(t *testing.T) {
	for _, at := range []string{`1764565200007`, `"2025-12-01T05:00:00.007Z"`} {
		got, err := charges.Document("a/1", []byte(`{"merchant_id":"cafe","mode":"LIVE","sequence":3,"kind":"CHARGE_ACCEPTED","charge_id":"a",
			"status":"PENDING","amount_minor":5,"currency":"BRL","captured_minor":0,"refunded_minor":0,"operation_id":null,"operation_kind":"NONE",
			"operation_status":"NONE","operation_amount_minor":null,"occurred_at":`+at+`}`))
		require.NoError(t, err)
		require.Equal(t, charges.Change{
			Merchant: "cafe", Mode: "LIVE", Sequence: 3, EventID: "a/1", Kind: "CHARGE_ACCEPTED", ChargeID: "a", Status: "PENDING", Amount: 5, Currency: "BRL",
			OperationKind: "NONE", OperationStatus: "NONE", At: time.UnixMilli(1764565200007).UTC(),
		}, got)
	}
	for _, bad := range []string{`{}`, `[]`, `{"occurred_at":"yesterday"}`, `{"occurred_at":1,"sequence":"x"}`} {
		_, err := charges.Document("a/1", []byte(bad))
		require.ErrorContains(t, err, "document a/1", bad)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"merchant_id":"cafe","sequence":3,"occurred_at":1764565200007}`))
	f.Add([]byte(`{"occurred_at":"2025-12-01T05:00:00.007Z"}`))
	f.Fuzz(func(t *testing.T, source []byte) {
		change, err := charges.Document("id", source)
		if err == nil {
			require.Equal(t, "id", change.EventID)
			require.Equal(t, time.UTC, change.At.Location())
		}
	})
}
