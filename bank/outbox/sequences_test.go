package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

func event(account byte, sequence int64) *bank.Event {
	return &bank.Event{AccountID: bank.ID{account}, Sequence: sequence}
}

func TestSequencesOfAnAccount(t *testing.T) {
	s := newSequences(10)
	for _, c := range []struct {
		rule     string
		sequence int64
		want     sequenceState
	}{
		{"the first seen may have any sequence", 7, inSequence},
		{"the next one follows", 8, inSequence},
		{"one that was sent is a repeat", 8, repeated},
		{"so is an older one", 1, repeated},
		{"one too far ahead is held back", 10, ahead},
		{"and changes nothing", 10, ahead},
		{"its predecessor is sent", 9, inSequence},
		{"then it is sent", 10, inSequence},
	} {
		require.Equal(t, c.want, s.check(event(1, c.sequence)), c.rule)
	}
	require.Equal(t, inSequence, s.check(&bank.Event{Sequence: 0}), "a refusal has no order")
	require.Equal(t, inSequence, s.check(&bank.Event{Sequence: 0}), "ever")
}

func TestSequencesDropAccountsThatAreOldAndUnused(t *testing.T) {
	s := newSequences(3)
	for account := range byte(200) {
		s.check(event(account+1, 1))
		require.LessOrEqual(t, len(s.young)+len(s.old), 6)
	}
	require.Equal(t, repeated, s.check(event(200, 1)), "the last one is kept")
	require.Equal(t, inSequence, s.check(event(1, 50)), "the first one is not")
}

func TestSequencesKeepAccountsThatAreUsed(t *testing.T) {
	s := newSequences(3)
	for i := range 100 {
		require.NotEqual(t, ahead, s.check(event(1, int64(i+1))))
		s.check(event(byte(2+i), 1))
	}
	require.Equal(t, ahead, s.check(event(1, 102)))
}

func TestSequencesNeverDropAnAccountWithRowsHeldBack(t *testing.T) {
	s := newSequences(2)
	s.check(event(1, 5))
	last, first := s.hold(event(1, 7), 70)
	require.Equal(t, int64(5), last)
	require.True(t, first)
	for account := range byte(100) {
		s.check(event(account+2, 1))
	}
	require.Equal(t, ahead, s.check(event(1, 8)))
	_, first = s.hold(event(1, 8), 80)
	require.False(t, first)
	require.Nil(t, s.unblock(event(2, 1)))
	require.Equal(t, inSequence, s.check(event(1, 6)))
	require.Equal(t, []int64{70, 80}, s.unblock(event(1, 6)))
	require.Equal(t, inSequence, s.check(event(1, 7)))
}
