// Package await lets a test wait until a condition holds.
package await

import (
	"time"

	"github.com/stretchr/testify/require"
)

// outcome is how one call of a condition ended.
type outcome int

const (
	exited outcome = iota // without a result: it failed the test
	unmet
	met
)

// grace is how long the last call may take. On a busy machine even a short one can begin before
// the timeout and end behind it.
const grace = time.Second

// Until calls condition at once and then again after each interval, one call at a time, until it
// returns true. The test fails when that takes longer than timeout, also if condition does not
// return; a call that began before the timeout may end within a second behind it. Condition may
// itself fail the test: with require or t.Fatal. Then the test ends at once. The message is one of
// testify's.
//
// Testify's Eventually goes on waiting in that case, because FailNow ends only the goroutine that
// it is called on.
//
// tidy:parameters those of testify's Eventually
func Until(t require.TestingT, condition func() bool, timeout, interval time.Duration, message ...any) {
	if helper, ok := t.(interface{ Helper() }); ok {
		helper.Helper()
	}
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	pause := time.NewTicker(interval)
	defer pause.Stop()
	hung := time.NewTimer(timeout + grace)
	defer hung.Stop()
	for {
		ended := make(chan outcome, 1)
		go call(condition, ended)
		select {
		case <-hung.C:
			require.Fail(t, "the condition has not returned within "+timeout.String(), message...)
		case how := <-ended:
			if how == met {
				return
			}
			if how == exited {
				t.FailNow()
			}
		}
		select {
		case <-deadline.C:
			require.Fail(t, "the condition was not met within "+timeout.String(), message...)
		default: // If both are due, the deadline comes first.
		}
		select {
		case <-deadline.C:
			require.Fail(t, "the condition was not met within "+timeout.String(), message...)
		case <-pause.C:
		}
	}
}

// call says how condition ended, even if it ended its goroutine.
func call(condition func() bool, ended chan<- outcome) {
	how := exited
	defer func() { ended <- how }()
	if condition() {
		how = met
		return
	}
	how = unmet
}
