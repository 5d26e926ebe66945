// Package outboxtest has the suite that every outbox.Store passes.
package outboxtest

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
)

// Subject is a store under test.
type Subject struct {
	// Store has no rows.
	Store outbox.Store
	// Add stores rows that are due, in their order, and returns them.
	Add func(t *testing.T, n int) []outbox.Row
}

const (
	long  = time.Hour
	short = 20 * time.Millisecond
)

// TestStore checks the promises of outbox.Store on a subject that newSubject makes for each of them.
func TestStore(t *testing.T, newSubject func(t *testing.T) Subject) {
	for name, check := range map[string]func(*testing.T, Subject){
		"rows are claimed in the order in which they became due, as they were stored": checkOrder,
		"a claimed row is nobody else's until its claim ends":                         checkClaim,
		"what was sent is not due again at once":                                      checkSent,
		"what was not sent is due again after the wait":                               checkAgain,
		"claims share the rows":                                                       checkShared,
	} {
		t.Run(name, func(t *testing.T) { check(t, newSubject(t)) })
	}
}

func claim(t *testing.T, s Subject, limit int, lease time.Duration) []outbox.Row {
	t.Helper()
	rows, err := s.Store.Claim(t.Context(), limit, lease)
	require.NoError(t, err)
	return rows
}

func ids(rows []outbox.Row) []id.ID {
	out := make([]id.ID, 0, len(rows))
	for _, row := range rows {
		out = append(out, row.ID)
	}
	return out
}

func checkOrder(t *testing.T, s Subject) {
	require.Empty(t, claim(t, s, 10, long))
	added := s.Add(t, 5)
	first := claim(t, s, 3, long)
	require.Equal(t, ids(added[:3]), ids(first))
	for i, row := range first {
		want := added[i]
		want.Claims = 1
		require.Equal(t, want, row)
	}
	require.Equal(t, ids(added[3:]), ids(claim(t, s, 3, long)))
	require.Empty(t, claim(t, s, 3, long))
}

func checkClaim(t *testing.T, s Subject) {
	added := s.Add(t, 1)
	require.Len(t, claim(t, s, 10, short), 1)
	var again []outbox.Row
	await.Until(t, func() bool {
		again = claim(t, s, 10, long)
		return len(again) > 0
	}, 10*time.Second, short/4)
	require.Equal(t, ids(added), ids(again))
	require.Equal(t, 2, again[0].Claims)
}

func checkSent(t *testing.T, s Subject) {
	added := s.Add(t, 2)
	rows := claim(t, s, 1, short)
	require.NoError(t, s.Store.Sent(t.Context(), append(ids(rows), id.ID{1})), "an unknown row is passed over")
	time.Sleep(2 * short) // The claim has ended.
	require.Equal(t, ids(added[1:]), ids(claim(t, s, 10, long)))
}

func checkAgain(t *testing.T, s Subject) {
	added := s.Add(t, 2)
	rows := claim(t, s, 2, long)
	require.NoError(t, s.Store.Again(t.Context(), []id.ID{rows[0].ID, {1}}, 0))
	require.NoError(t, s.Store.Again(t.Context(), []id.ID{rows[1].ID}, long))
	again := claim(t, s, 2, long)
	require.Equal(t, ids(added[:1]), ids(again))
	require.Equal(t, 2, again[0].Claims)
	require.NoError(t, s.Store.Again(t.Context(), []id.ID{rows[1].ID}, 0))
	require.Equal(t, ids(added[1:]), ids(claim(t, s, 2, long)))
}

func checkShared(t *testing.T, s Subject) {
	const rows, claimers = 100, 4
	added := s.Add(t, rows)
	claimed := make(chan []id.ID)
	for range claimers {
		go func() {
			var mine []id.ID
			for {
				got, err := s.Store.Claim(t.Context(), 7, long)
				if err != nil || len(got) == 0 {
					claimed <- mine
					return
				}
				mine = append(mine, ids(got)...)
			}
		}()
	}
	var all []id.ID
	for range claimers {
		all = append(all, <-claimed...)
	}
	// A claimer passes over what another one is claiming, so rows may be left when all have given up.
	all = append(all, ids(claim(t, s, rows, long))...)
	compare := func(a, b id.ID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(all, compare)
	want := ids(added)
	slices.SortFunc(want, compare)
	require.Equal(t, want, all)
}
