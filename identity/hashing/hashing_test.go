package hashing

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// small are parameters for tests.
var small = Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func TestAHashTellsItsParametersAndNotThePassword(t *testing.T) {
	h, err := New(Default()) // The one test with the parameters of production.
	require.NoError(t, err)
	slot, err := h.Acquire(t.Context(), Caller{Network: "192.0.2.1"})
	require.NoError(t, err)
	defer slot.Release()
	hash, err := slot.Hash("correct horse")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
	match, outdated, err := slot.Verify("correct horse", hash)
	require.NoError(t, err)
	require.True(t, match)
	require.False(t, outdated)
	match, _, err = slot.Verify("correct hors", hash)
	require.NoError(t, err)
	require.False(t, match)
}

func TestAHashOfOtherParametersIsVerifiedAndOutdated(t *testing.T) {
	before, err := New(small)
	require.NoError(t, err)
	larger := small
	larger.Memory *= 2
	after, err := New(larger)
	require.NoError(t, err)
	hash, err := Slot{hasher: before}.Hash("correct horse")
	require.NoError(t, err)
	match, outdated, err := Slot{hasher: after}.Verify("correct horse", hash)
	require.NoError(t, err)
	require.True(t, match)
	require.True(t, outdated)
}

func TestNobodyHasNoPassword(t *testing.T) {
	h, err := New(small)
	require.NoError(t, err)
	match, _, err := Slot{hasher: h}.Verify("the password of nobody", "")
	require.NoError(t, err)
	require.False(t, match)
	_, _, err = Slot{hasher: h}.Verify("x", "$2a$not-argon")
	require.Error(t, err)
}
