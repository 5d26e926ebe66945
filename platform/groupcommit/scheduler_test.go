package groupcommit

import (
	"slices"
	"testing"

	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// wait adds n calls that change the resources, and returns them.
func wait(s *scheduler[int, int], n int, resources ...byte) []*Call[int, int] {
	calls := make([]*Call[int, int], n)
	for i := range calls {
		number := s.arrivals + 1
		calls[i] = &Call[int, int]{Key: id.ID{byte(number), byte(number >> 8), byte(number >> 16)}}
		for _, resource := range resources {
			calls[i].Resources = append(calls[i].Resources, id.ID{resource})
		}
		s.add(calls[i])
	}
	return calls
}

// begin takes a batch that must be ready.
func begin(t require.TestingT, s *scheduler[int, int]) *batch[int, int] {
	require.True(t, s.mayStart(), "no batch is ready")
	b := &batch[int, int]{}
	require.True(t, s.take(b))
	return b
}

func TestCommandsThatFitShareOneBatch(t *testing.T) {
	s := newScheduler[int, int](100, 1000)
	wait(s, 30, 1)
	wait(s, 40, 2, 3)
	wait(s, 30, 3, 1)
	b := begin(t, s)
	require.Len(t, b.calls, 100)
	wait(s, 24, 4)
	wait(s, 75, 2)
	require.False(t, s.mayStart(), "another batch is ready")
	s.end(b)
	require.Len(t, begin(t, s).calls, 99)
}

func TestASecondBatchOverlapsWhenAFullOneIsReady(t *testing.T) {
	s := newScheduler[int, int](100, 1000)
	wait(s, 150, 1)
	one := begin(t, s)
	require.Len(t, one.calls, 100)
	require.False(t, s.mayStart(), "the others are on the same account")
	wait(s, 99, 2)
	require.False(t, s.mayStart(), "too few are worth a batch of their own")
	wait(s, 1, 3)
	two := begin(t, s)
	require.Len(t, two.calls, 100)
	s.end(one)
	require.False(t, s.mayStart(), "the rest of resource 1 is no full batch")
	s.end(two)
	require.Len(t, begin(t, s).calls, 50, "the rest of resource 1")
}

// A command on two resources waits until it has both, and takes neither before.
func TestACommandOnTwoResourcesIsInNoBatchBesideOneThatHasEither(t *testing.T) {
	s := newScheduler[int, int](1, 1000)
	wait(s, 1, 1)
	wait(s, 1, 2)
	one, two := begin(t, s), begin(t, s)
	both := wait(s, 1, 1, 2)
	other := wait(s, 1, 3)
	require.Equal(t, other, begin(t, s).calls, "it goes past the one that cannot go")
	s.end(one)
	require.False(t, s.mayStart())
	s.end(two)
	require.Equal(t, both, begin(t, s).calls)
}

// However many commands arrive later on each of its resources, a command on two of them starts after a
// few batches.
func TestACommandOnTwoBusyResourcesIsNotStarved(t *testing.T) {
	s := newScheduler[int, int](1, 1000)
	wait(s, 1, 1)
	wait(s, 1, 2)
	running := []*batch[int, int]{begin(t, s), begin(t, s)}
	both := wait(s, 1, 1, 2)[0]
	for ended := 0; running[len(running)-1].calls[0] != both; ended++ {
		require.LessOrEqual(t, ended, patience+2, "the others always went first")
		wait(s, 1, 1)
		wait(s, 1, 2)
		s.end(running[0])
		running = running[1:]
		for s.mayStart() {
			running = append(running, begin(t, s))
		}
	}
}

func TestClosedSchedulersAreEmptiedFirst(t *testing.T) {
	s := newScheduler[int, int](100, 1000)
	wait(s, 10, 1)
	s.close()
	late := &Call[int, int]{Key: id.ID{9}}
	s.add(late)
	require.ErrorIs(t, late.refused, errClosed)
	b := begin(t, s)
	require.Len(t, b.calls, 10)
	s.end(b)
	require.False(t, s.take(b))
}

// machine is a scheduler under test with the batches that are in flight.
type machine struct {
	*scheduler[int, int]
	running []*batch[int, int]
	waiting []*Call[int, int]
}

func (m *machine) start(t *rapid.T) {
	b := begin(t, m.scheduler)
	for i, c := range b.calls {
		if i > 0 {
			require.Less(t, b.calls[i-1].arrival, c.arrival, "a batch is in the order of arrival")
		}
		m.waiting = slices.DeleteFunc(m.waiting, func(other *Call[int, int]) bool { return other == c })
		for _, other := range m.running {
			for _, running := range other.calls {
				for _, resource := range c.Resources {
					require.NotContains(t, running.Resources, resource, "two batches share a resource")
				}
			}
		}
	}
	m.running = append(m.running, b)
}

func (m *machine) finish(i int) {
	m.end(m.running[i])
	m.running = slices.Delete(m.running, i, i+1)
}

// In whatever order commands arrive and batches end: two batches never share a resource, and in
// the end nothing waits and nothing is held.
func TestBatchesThatOverlapShareNoResource(t *testing.T) {
	const lanes = 4
	rapid.Check(t, func(t *rapid.T) {
		m := machine{scheduler: newScheduler[int, int](rapid.IntRange(1, 8).Draw(t, "batch"), 1000)}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch step := rapid.IntRange(0, 9).Draw(t, "step"); {
			case step < 5:
				resources := rapid.SliceOfN(rapid.ByteRange(0, 6), 0, 3).Draw(t, "resources")
				m.waiting = append(m.waiting, wait(m.scheduler, rapid.IntRange(1, 4).Draw(t, "calls"), resources...)...)
			case step < 8:
				if m.mayStart() && len(m.running) < lanes {
					m.start(t)
				}
			case len(m.running) > 0:
				m.finish(rapid.IntRange(0, len(m.running)-1).Draw(t, "ended"))
			}
		}
		for len(m.waiting)+len(m.running) > 0 {
			if m.mayStart() && len(m.running) < lanes {
				m.start(t)
			} else {
				m.finish(0)
			}
		}
		require.Zero(t, m.length())
		require.Empty(t, m.holders)
		require.Empty(t, m.ready)
	})
}
