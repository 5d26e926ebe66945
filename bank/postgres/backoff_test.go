package postgres

import (
	"encoding/binary"
	"testing"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// viewOf has accounts at a version.
func viewOf(version int64, accounts ...bank.ID) *view {
	v := newView(0, len(accounts))
	for _, id := range accounts {
		v.add(accountState{account: bank.Account{ID: id}, version: version})
	}
	return v
}

func TestABackoffGrowsWithEachConflictAndShrinksWithEachSuccess(t *testing.T) {
	b := backoffs{accounts: make(map[bank.ID]backoff)}
	account, other := bank.ID{1}, bank.ID{2}
	locked := func() (batches int) {
		for b.take([]bank.ID{account}) {
			batches++
		}
		return batches
	}
	require.Zero(t, locked())
	for _, want := range []int{4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024} {
		outdated := viewOf(1, account, other)
		current := viewOf(1, other)
		current.add(accountState{account: bank.Account{ID: account}, version: 2})
		b.grow(outdated, current)
		require.False(t, b.take([]bank.ID{other}), "it was current")
		require.Equal(t, want, locked())
	}
	for range 1024 {
		b.shrink(viewOf(1, account, other).accounts)
	}
	require.Empty(t, b.accounts)
}

func TestTheBackoffsAreBounded(t *testing.T) {
	b := backoffs{accounts: make(map[bank.ID]backoff)}
	for i := range uint32(backoffsAtATime + 10) {
		var id bank.ID
		binary.BigEndian.PutUint32(id[:], i)
		b.grow(viewOf(1, id), viewOf(2, id))
		require.True(t, b.take([]bank.ID{id}))
	}
	require.Len(t, b.accounts, backoffsAtATime)
}
