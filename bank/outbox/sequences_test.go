package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

func event(account byte, sequence int64) *bank.Event {
	return &bank.Event{AccountID: bank.ID{account}, Sequence: sequence}
}

func row(account byte, sequence int64) *bank.OutboxRow {
	return &bank.OutboxRow{Event: *event(account, sequence)}
}

func republished(account byte, sequence int64) *bank.OutboxRow {
	return &bank.OutboxRow{Event: *event(account, sequence), Republished: true}
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
		require.Equal(t, c.want, s.check(row(1, c.sequence)), c.rule)
	}
	require.Equal(t, inSequence, s.check(&bank.OutboxRow{}), "a refusal has no order")
	require.Equal(t, inSequence, s.check(&bank.OutboxRow{}), "ever")
}

func TestSequencesDropAccountsThatAreOldAndUnused(t *testing.T) {
	s := newSequences(3)
	for account := range byte(200) {
		s.check(row(account+1, 1))
		require.LessOrEqual(t, len(s.young)+len(s.old), 6)
	}
	require.Equal(t, repeated, s.check(row(200, 1)), "the last one is kept")
	require.Equal(t, inSequence, s.check(row(1, 50)), "the first one is not")
}

func TestSequencesKeepAccountsThatAreUsed(t *testing.T) {
	s := newSequences(3)
	for i := range 100 {
		require.NotEqual(t, ahead, s.check(row(1, int64(i+1))))
		s.check(row(byte(2+i), 1))
	}
	require.Equal(t, ahead, s.check(row(1, 102)))
}

func TestSequencesNeverDropAnAccountWithRowsHeldBack(t *testing.T) {
	s := newSequences(2)
	s.check(row(1, 5))
	held, first := s.hold(event(1, 7), 70)
	require.Equal(t, int64(5), held.last)
	require.True(t, first)
	for account := range byte(100) {
		s.check(row(account+2, 1))
	}
	require.Equal(t, ahead, s.check(row(1, 8)))
	_, first = s.hold(event(1, 8), 80)
	require.False(t, first)
	require.Nil(t, s.unblock(event(2, 1)))
	require.Equal(t, inSequence, s.check(row(1, 6)))
	require.Equal(t, []int64{70, 80}, s.unblock(event(1, 6)))
	require.Equal(t, inSequence, s.check(row(1, 7)))
}

func TestARepublishedEventProvesNothingOfTheLastOneSent(t *testing.T) {
	s := newSequences(10)
	require.Equal(t, repeated, s.check(republished(1, 2)), "of an account that nothing is known of")
	require.Equal(t, inSequence, s.check(row(1, 12)), "the first one that proves anything")
	require.Equal(t, repeated, s.check(republished(1, 3)))
	require.Equal(t, inSequence, s.check(row(1, 13)), "nothing is set back")
	require.Equal(t, ahead, s.check(republished(1, 15)), "a gap is a gap")
	require.Equal(t, inSequence, s.check(republished(1, 14)), "it is what the account waits for")
	require.Equal(t, inSequence, s.check(row(1, 15)))
}

func TestRowsHeldBackWaitForTheirOwnPredecessor(t *testing.T) {
	s := newSequences(10)
	s.check(row(1, 3))
	require.Equal(t, ahead, s.check(row(1, 6)))
	s.hold(event(1, 6), 60)
	require.Equal(t, repeated, s.check(republished(1, 2)))
	require.Nil(t, s.unblock(event(1, 2)))
	require.Equal(t, inSequence, s.check(republished(1, 4)))
	require.Nil(t, s.unblock(event(1, 4)), "5 is missing still")
	require.Equal(t, inSequence, s.check(republished(1, 5)))
	require.Equal(t, []int64{60}, s.unblock(event(1, 5)))
}

func TestWhatWasNotSentIsWaitedFor(t *testing.T) {
	s := newSequences(10)
	for sequence := range int64(5) {
		s.check(row(1, sequence+1))
	}
	require.True(t, s.unsent(row(1, 3)))
	next3 := republished(1, 3)
	next3.ID = 30
	require.Equal(t, ahead, s.check(row(1, 4)))
	require.Equal(t, ahead, s.check(next3), "the row itself is sent before another one of its event")
	require.False(t, s.unsent(republished(1, 2)), "it was sent before")
	require.False(t, s.unsent(&bank.OutboxRow{}), "a refusal has no order")
	require.Equal(t, inSequence, s.check(row(1, 3)))

	next := republished(1, 4)
	next.ID = 40
	require.Equal(t, inSequence, s.check(next))
	require.True(t, s.unsent(next), "nothing else says that it was sent before")
	require.Equal(t, ahead, s.check(row(1, 5)))
	require.Equal(t, inSequence, s.check(next))
	require.Equal(t, inSequence, s.check(row(1, 5)))
}
