package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sampled returns a sample of three seconds. The arguments say when its purchases were
// answered.
func sampled(after ...time.Duration) *purchaseSample {
	s := &purchaseSample{seconds: make([]int64, 3)}
	for _, at := range after {
		s.add(at, time.Millisecond)
	}
	return s
}

func TestASecondWithoutAPurchaseIsFoundWhenTheBrokerIsDown(t *testing.T) {
	const second = time.Second
	for name, tt := range map[string]struct {
		during         *purchaseSample
		timed, untimed bool // whether a violation is found
	}{
		"one in each":                 {sampled(0, second, 3*second-1), false, false},
		"none in one second":          {sampled(0, 2*second), true, false},
		"none":                        {sampled(), true, true},
		"only one that came too late": {sampled(3 * second), true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for untimed, want := range map[bool]bool{false: tt.timed, true: tt.untimed} {
				observed := newObservations()
				checkBrokerOutage(observed, tt.during, untimed)
				require.Equal(t, want, observed.problemOf(noBroker) != nil, "untimed %v", untimed)
			}
		})
	}
}

func TestTheResultOnTheBrokerSaysWhatWasChecked(t *testing.T) {
	r := &run{load: &load{observed: newObservations()}, journal: newJournal(nil)}
	require.Equal(t, NotApplicable, r.brokerOutageResult().Status)
	r.brokerOutages = []brokerOutage{
		{sampled(0), sampled(0, 0, time.Second, 2*time.Second, 2*time.Second)},
		{sampled(0), sampled(0, 0, time.Second, time.Second, 2*time.Second, 2*time.Second)},
	}
	r.checkBrokerOutages()
	require.Nil(t, r.load.observed.problemOf(noBroker))
	require.Contains(t, r.brokerOutageResult().Checked, "11 purchases of a few clients, answered in 6 seconds without a broker, at least 1 in each")
	require.Equal(t, int64(1000), r.journal.figures["microseconds to a purchase while the broker was down, p99"])
	r.brokerOutages = append(r.brokerOutages, brokerOutage{sampled(0), sampled()})
	require.Contains(t, r.brokerOutageResult().Checked, "at least 0 in each")
	require.Equal(t, int64(500), perSecond(1000, 2*time.Second))
}

func TestGoodLinesThatWaitForPoisonAreFound(t *testing.T) {
	limit := recoveryLimits[lineDelayWithPoison]
	check := func(untimed bool, before, during lineDelays) *observations {
		r := &run{load: &load{observed: newObservations()}, journal: newJournal(nil), options: Options{Untimed: untimed}}
		r.addPoisonDelay(before, during)
		r.checkRecoveries()
		return r.load.observed
	}
	quick := lineDelays{10, time.Second}
	require.Empty(t, check(false, quick, lineDelays{10, limit}).problems)
	require.NotNil(t, check(false, quick, lineDelays{10, limit + time.Millisecond}).problemOf("recovery"))
	require.Empty(t, check(true, quick, lineDelays{10, limit + time.Millisecond}).problems, "times are not checked")
	require.Empty(t, check(false, lineDelays{}, lineDelays{}).problems, "no good event was on the topic")
}
