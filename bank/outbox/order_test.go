package outbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

func event(account byte, sequence int64) *bank.Event {
	return &bank.Event{AccountID: bank.ID{account}, Sequence: sequence}
}

func TestOrderOfAnAccount(t *testing.T) {
	o := newOrder(10)
	for _, c := range []struct {
		rule     string
		sequence int64
		want     verdict
	}{
		{"the first seen may have any sequence", 7, next},
		{"the next one follows", 8, next},
		{"one that was sent is a repeat", 8, repeat},
		{"so is an older one", 1, repeat},
		{"one too far ahead is held back", 10, ahead},
		{"and moves nothing", 10, ahead},
		{"its predecessor goes", 9, next},
		{"then it goes", 10, next},
	} {
		require.Equal(t, c.want, o.judge(event(1, c.sequence)), c.rule)
	}
	require.Equal(t, next, o.judge(&bank.Event{Sequence: 0}), "a refusal has no order")
	require.Equal(t, next, o.judge(&bank.Event{Sequence: 0}), "ever")
}

func TestOrderForgetsWhatIsOldAndNotUsed(t *testing.T) {
	o := newOrder(3)
	for account := range byte(200) {
		o.judge(event(account+1, 1))
		require.LessOrEqual(t, len(o.young)+len(o.old), 6)
	}
	require.Equal(t, repeat, o.judge(event(200, 1)), "the last one is remembered")
	require.Equal(t, next, o.judge(event(1, 50)), "the first one is not")
}

func TestOrderKeepsWhatIsUsed(t *testing.T) {
	o := newOrder(3)
	for i := range 100 {
		require.NotEqual(t, ahead, o.judge(event(1, int64(i+1))))
		o.judge(event(byte(2+i), 1))
	}
	require.Equal(t, ahead, o.judge(event(1, 102)))
}

func TestOrderNeverForgetsWhatIsHeldBack(t *testing.T) {
	o := newOrder(2)
	o.judge(event(1, 5))
	last, first := o.hold(event(1, 7), 70)
	require.Equal(t, int64(5), last)
	require.True(t, first)
	for account := range byte(100) {
		o.judge(event(account+2, 1))
	}
	require.Equal(t, ahead, o.judge(event(1, 8)))
	_, first = o.hold(event(1, 8), 80)
	require.False(t, first)
	require.Nil(t, o.unblocks(event(2, 1)))
	require.Equal(t, next, o.judge(event(1, 6)))
	require.Equal(t, []int64{70, 80}, o.unblocks(event(1, 6)))
	require.Equal(t, next, o.judge(event(1, 7)))
}
