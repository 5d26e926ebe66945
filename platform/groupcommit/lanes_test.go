package groupcommit

import (
	"testing"
	"time"

	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
)

// waiting fills the lanes: for each lane the given number of calls.
func waiting(t *testing.T, l *lanes[int, int], lengths ...int) {
	t.Helper()
	start := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for lane, length := range lengths {
		for range length {
			at := start.Add(time.Duration(len(l.inFlight)) * time.Millisecond)
			c := &Call[int, int]{Key: id.ID{byte(len(l.inFlight)), byte(len(l.inFlight) >> 8), 15: byte(lane)}, Lane: byte(lane), Arrived: at}
			l.add(c)
			require.NoError(t, c.refused)
			require.Nil(t, c.duplicateOf)
		}
	}
}

// begin takes a batch that must be ready.
func begin(t *testing.T, l *lanes[int, int]) (calls []*Call[int, int], lane int) {
	t.Helper()
	_, ok := l.next()
	require.True(t, ok, "no batch is ready")
	calls, lane, ok = l.take(nil)
	require.True(t, ok)
	return calls, lane
}

func idle(t *testing.T, l *lanes[int, int]) {
	t.Helper()
	_, ok := l.next()
	require.False(t, ok, "another batch is ready")
}

func TestCommandsThatFitShareOneBatch(t *testing.T) {
	l := newLanes[int, int](3, 100, 1000)
	waiting(t, l, 30, 40, 30)
	calls, lane := begin(t, l)
	require.Len(t, calls, 100)
	require.Equal(t, allLanes, lane)
	waiting(t, l, 99, 0, 0)
	idle(t, l)
	l.done(lane)
	calls, _ = begin(t, l)
	require.Len(t, calls, 99)
}

func TestASecondBatchOverlapsWhenEnoughCommandsWait(t *testing.T) {
	l := newLanes[int, int](3, 100, 1000)
	waiting(t, l, 150, 24, 60)
	calls, first := begin(t, l)
	require.Len(t, calls, 100)
	require.Equal(t, 0, first, "the lane that waited longest")
	calls, second := begin(t, l)
	require.Len(t, calls, 60)
	require.Equal(t, 2, second, "lane 1 has too little to be worth a batch of its own")
	idle(t, l)
	l.done(first)
	calls, _ = begin(t, l)
	require.Len(t, calls, 50, "the rest of lane 0")
}

// A lane with few commands waits for the next batch at most, even beside a busy lane.
func TestALaneWithFewCommandsIsNotStarved(t *testing.T) {
	l := newLanes[int, int](2, 100, 10_000)
	waiting(t, l, 0, 1)
	waiting(t, l, 500)
	calls, lane := begin(t, l)
	require.Len(t, calls, 1)
	require.Equal(t, 1, lane)
}

func TestClosedLanesAreEmptiedFirst(t *testing.T) {
	l := newLanes[int, int](2, 100, 1000)
	waiting(t, l, 5, 5)
	l.close()
	late := &Call[int, int]{Key: id.ID{9}}
	l.add(late)
	require.ErrorIs(t, late.refused, errClosed)
	calls, lane := begin(t, l)
	require.Len(t, calls, 10)
	l.done(lane)
	_, _, ok := l.take(nil)
	require.False(t, ok)
}

func TestAQueueKeepsItsOrder(t *testing.T) {
	var q queue[int, int]
	next, want := 0, 0
	for round := range 50 {
		for range round % 7 * 3 {
			q.push(&Call[int, int]{Arrived: time.Unix(int64(next), 0)})
			next++
		}
		for _, c := range q.pop(nil, round%5*4) {
			require.EqualValues(t, want, c.Arrived.Unix())
			want++
		}
		require.Equal(t, next-want, q.len())
	}
}
