package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampled are purchases that were answered so long after a sample of three seconds began.
func sampled(after ...time.Duration) *sample {
	s := &sample{seconds: make([]int64, 3)}
	for _, at := range after {
		s.answered(at, time.Millisecond)
	}
	return s
}

func TestASecondWithoutAPurchaseIsFoundWhenTheBrokerIsAway(t *testing.T) {
	const second = time.Second
	for name, told := range map[string]struct {
		away           *sample
		timed, untimed bool // whether that is found
	}{
		"one in each":                 {sampled(0, second, 3*second-1), false, false},
		"a second without":            {sampled(0, 2*second), true, false},
		"none":                        {sampled(), true, true},
		"only one that came too late": {sampled(3 * second), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for untimed, want := range map[bool]bool{false: told.timed, true: told.untimed} {
				seen := newObservations()
				judgeAbsence(seen, told.away, untimed)
				require.Equal(t, want, seen.problemOf(noBroker) != nil, "untimed %v", untimed)
			}
		})
	}
}

func TestTheLineOnTheBrokerSaysWhatWasLookedAt(t *testing.T) {
	r := &run{load: &load{seen: newObservations()}, log: newJournal(nil)}
	require.Equal(t, NotApplicable, r.withoutBroker().Ruling)
	r.absences = []absence{
		{sampled(0), sampled(0, 0, time.Second, 2*time.Second, 2*time.Second)},
		{sampled(0), sampled(0, 0, time.Second, time.Second, 2*time.Second, 2*time.Second)},
	}
	r.judgeAbsences()
	require.Nil(t, r.load.seen.problemOf(noBroker))
	require.Contains(t, r.withoutBroker().Looked, "11 purchases of a few buyers, answered in 6 seconds without a broker, in each at least 1")
	require.Equal(t, int64(1000), r.log.figures["microseconds to a purchase with the broker away, p99"])
	r.absences = append(r.absences, absence{sampled(0), sampled()})
	require.Contains(t, r.withoutBroker().Looked, "in each at least 0")
	require.Equal(t, int64(500), perSecond(1000, 2*time.Second))
}

func TestGoodLinesThatWaitForPoisonAreFound(t *testing.T) {
	limit := recoveryLimits[poisonPassed]
	judge := func(untimed bool, before, during lines) *observations {
		r := &run{load: &load{seen: newObservations()}, log: newJournal(nil), options: Options{Untimed: untimed}}
		r.poisoned(before, during)
		r.judgeRecoveries()
		return r.load.seen
	}
	quick := lines{10, time.Second}
	require.Empty(t, judge(false, quick, lines{10, limit}).problems)
	require.NotNil(t, judge(false, quick, lines{10, limit + time.Millisecond}).problemOf("recovery"))
	require.Empty(t, judge(true, quick, lines{10, limit + time.Millisecond}).problems, "times are not judged")
	require.Empty(t, judge(false, lines{}, lines{}).problems, "no good event was on the topic")
}
