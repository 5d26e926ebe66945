package chaos

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func take(lane string, seed uint64, short bool, count int) []step {
	plan := newSchedule(lane, seed, short)
	steps := make([]step, count)
	for i := range steps {
		steps[i] = plan.next()
	}
	return steps
}

func TestTheScheduleIsAFunctionOfTheSeed(t *testing.T) {
	for _, lane := range lanes {
		for _, short := range []bool{true, false} {
			first := take(lane, 7, short, 200)
			require.Equal(t, first, take(lane, 7, short, 200))
			require.NotEqual(t, first, take(lane, 8, short, 200))
		}
	}
	require.NotEqual(t, take(frontLane, 1, true, 1)[0].Draw, take(pipesLane, 1, true, 1)[0].Draw)
}

func TestARoundHasEveryFaultOfItsLane(t *testing.T) {
	named := make(map[string]bool)
	for lane, bag := range map[string][]bagItem{frontLane: frontBag, pipesLane: pipesBag, pixLane: pixBag} {
		plan := newSchedule(lane, 3, true)
		seen := make(map[string]int)
		for !plan.done() {
			seen[plan.next().Name]++
		}
		require.Equal(t, 1, plan.rounds())
		for _, e := range bag {
			require.Equal(t, e.first, seen[e.name], e.name)
			require.NotNil(t, faults[e.name], e.name)
			named[e.name] = true
		}
	}
	for _, only := range longRunFaults {
		for _, e := range only {
			require.NotNil(t, faults[e.name], e.name)
			named[e.name] = true
		}
	}
	require.Len(t, faults, len(named), "every fault is in a bag")
}

func TestTheBrokerIsAwayForTenMinutesOnceInALongRun(t *testing.T) {
	for seed := range uint64(8) {
		for short, want := range map[bool]int{true: 0, false: 1} {
			times := 0
			for i, next := range take(pipesLane, seed, short, 200) {
				if next.Name == brokerAway {
					times++
					require.Equal(t, 10*time.Minute, next.duration())
					require.Zero(t, i, "first, so that every run has it, however slow the machine is")
				}
			}
			require.Equal(t, want, times, "seed %d, short %v", seed, short)
		}
	}
}

// The faults take the points in turn, so no two of a run are at the same one before all were had.
func TestTheFailpointsOfTheGatewayAreDifferentOnes(t *testing.T) {
	declared := make(map[string]bool)
	for _, point := range gatewayFailpoints {
		name, _, _ := strings.Cut(point, ":")
		declared[name] = true
	}
	require.Len(t, declared, len(gatewayFailpoints))
	require.Equal(t, []string{"command-results-published:2", "command-offset-stored:2"}, commandFailpoints)
}

func TestAFloodOfALongRunLastsAMinute(t *testing.T) {
	for seed := range uint64(8) {
		plan := newSchedule(frontLane, seed, false)
		floods := 0
		for !plan.done() {
			if next := plan.next(); next.Name == floodAll {
				floods++
				require.Equal(t, time.Minute, next.duration())
			}
		}
		require.Equal(t, 1, floods)
	}
}

func TestEveryFaultOfTheListIsInABag(t *testing.T) {
	covered := make(map[string]bool)
	for _, e := range slices.Concat(frontBag, pipesBag, pixBag) {
		covered[e.fault] = true
	}
	for _, id := range []string{"F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10", "F11", "F12", "F16", "F18", "F19", "F20", "F21", "F22", "F23"} {
		require.True(t, covered[id], id)
	}
}
