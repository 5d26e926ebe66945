package hashing

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func stranger(network string) Caller { return Caller{Network: network} }

func known(network string) Caller { return Caller{Network: network, Known: true} }

// bubble is a hasher whose slots are asked for in the bubble of a test.
type bubble struct {
	*Hasher
	t *testing.T
	// served are the callers in the order in which they got their slots.
	served []Caller
	slots  map[Caller]Slot
}

// inQueue runs a test in a bubble with a clock of its own.
func inQueue(t *testing.T, test func(t *testing.T, b *bubble)) {
	synctest.Test(t, func(t *testing.T) {
		h, err := New(small)
		require.NoError(t, err)
		test(t, &bubble{Hasher: h, t: t, slots: map[Caller]Slot{}})
	})
}

// ask asks for a slot beside the test. When it returns, the caller has a slot or waits.
func (b *bubble) ask(caller Caller) {
	go func() {
		if slot, err := b.Acquire(context.Background(), caller); err == nil {
			b.served, b.slots[caller] = append(b.served, caller), slot
		}
	}()
	synctest.Wait()
}

// done gives the slot of a caller back. When it returns, the next one has it.
func (b *bubble) done(caller Caller) {
	b.t.Helper()
	slot, ok := b.slots[caller]
	require.True(b.t, ok, "%v has no slot", caller)
	delete(b.slots, caller)
	slot.Release()
	synctest.Wait()
}

// doneAll gives slots back until nobody waits.
func (b *bubble) doneAll() {
	for len(b.slots) > 0 {
		for caller := range b.slots {
			b.done(caller)
			break
		}
	}
}

func TestTheThirdAtOnceWaitsAndIsRefusedInTheEnd(t *testing.T) {
	inQueue(t, func(t *testing.T, b *bubble) {
		first, second, third := stranger("a"), stranger("b"), stranger("c")
		b.ask(first)
		b.ask(second)
		begun := time.Now()
		_, err := b.Acquire(t.Context(), third)
		require.Equal(t, fault.ResourceExhausted, fault.CodeOf(err))
		require.Positive(t, fault.Of(err).RetryAfter)
		require.Equal(t, MaxWait, time.Since(begun))
		require.EqualValues(t, 1, b.Refused())

		deadline, cancel := context.WithTimeout(t.Context(), MaxWait/2)
		defer cancel()
		begun = time.Now()
		_, err = b.Acquire(deadline, third)
		require.ErrorIs(t, err, ErrBusy)
		require.Equal(t, MaxWait/2, time.Since(begun), "within the caller's deadline")

		b.ask(third)
		require.Equal(t, []Caller{first, second}, b.served)
		b.done(first)
		require.Equal(t, []Caller{first, second, third}, b.served)
		require.EqualValues(t, 2, b.Refused())
		b.doneAll()
	})
}

// A network has one slot and two places in the queue, and the others go past it.
func TestANetworkFillsNeitherTheSlotsNorTheQueue(t *testing.T) {
	inQueue(t, func(t *testing.T, b *bubble) {
		attacker, second, owner := stranger("attacker"), stranger("second"), stranger("owner")
		for range 8 {
			b.ask(attacker)
		}
		require.Equal(t, []Caller{attacker}, b.served)
		require.EqualValues(t, 8-1-MaxWaiting, b.Refused(), "refused at once")
		b.ask(second)
		b.ask(second)
		require.Equal(t, []Caller{attacker, second}, b.served)
		b.ask(owner)
		b.done(second)
		require.Equal(t, []Caller{attacker, second, second}, b.served, "who waits longer and whose network has no slot")
		b.done(attacker)
		require.Equal(t, []Caller{attacker, second, second, attacker}, b.served)
		b.done(second)
		require.Equal(t, owner, b.served[4], "the second place of the attacker waits until his first is done")
		b.doneAll()
	})
}

// Strangers of however many networks leave known callers their places, and every second slot.
func TestKnownCallersGoPastAQueueFullOfStrangers(t *testing.T) {
	inQueue(t, func(t *testing.T, b *bubble) {
		for n := range AtOnce + maxStrangers {
			b.ask(stranger(fmt.Sprint(n)))
		}
		require.Zero(t, b.Refused())
		b.ask(stranger("one too many"))
		require.EqualValues(t, 1, b.Refused())
		b.ask(known("0")) // The network of an attacker.
		b.ask(known("owner"))
		b.done(stranger("0"))
		b.done(stranger("1"))
		b.done(stranger("2"))
		require.Equal(t, []Caller{known("0"), stranger("2"), known("owner")}, b.served[AtOnce:], "in turn")
		b.doneAll()
		require.EqualValues(t, 1, b.Refused())
		require.Len(t, b.served, AtOnce+maxStrangers+2)
	})
}

// Known callers have their turns too, and leave strangers every second slot.
func TestStrangersGoPastAQueueFullOfKnownCallers(t *testing.T) {
	inQueue(t, func(t *testing.T, b *bubble) {
		for n := range AtOnce + maxKnown {
			b.ask(known(fmt.Sprint(n)))
		}
		b.ask(known("one too many"))
		require.EqualValues(t, 1, b.Refused())
		b.ask(stranger("owner"))
		b.done(known("0"))
		b.done(known("1"))
		require.Contains(t, b.served, stranger("owner"))
		b.doneAll()
	})
}

func TestWhoGivesUpLeavesTheQueue(t *testing.T) {
	inQueue(t, func(t *testing.T, b *bubble) {
		b.ask(stranger("a"))
		b.ask(stranger("b"))
		ctx, cancel := context.WithCancel(t.Context())
		for range MaxWaiting {
			go func() {
				_, err := b.Acquire(ctx, stranger("c"))
				require.ErrorIs(t, err, ErrBusy)
			}()
		}
		synctest.Wait()
		cancel()
		synctest.Wait()
		b.ask(stranger("c"))
		b.done(stranger("a"))
		require.Equal(t, stranger("c"), b.served[AtOnce])
		b.doneAll()
		require.EqualValues(t, MaxWaiting, b.Refused())
	})
}

// A slot that is given to a caller at the moment in which he gives up is not lost, and no more than two are out.
func TestNoSlotIsLostOrGivenTwice(t *testing.T) {
	h, err := New(small)
	require.NoError(t, err)
	var out atomic.Int64
	var callers sync.WaitGroup
	for n := range 16 {
		callers.Go(func() {
			for turn := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(turn%20)*10*time.Microsecond)
				slot, err := h.Acquire(ctx, Caller{Network: fmt.Sprint(n % 5), Known: n%2 == 0})
				if err == nil {
					assert.LessOrEqual(t, out.Add(1), int64(AtOnce))
					runtime.Gosched()
					out.Add(-1)
					slot.Release()
				}
				cancel()
			}
		})
	}
	callers.Wait()
	require.Empty(t, h.queue.served)
	require.Empty(t, h.queue.waiting[knownLine])
	require.Empty(t, h.queue.waiting[strangerLine])
}
