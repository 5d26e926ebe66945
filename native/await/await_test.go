package await_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
)

// recorder is a test that may fail.
type recorder struct {
	failed  bool
	message string
}

func (r *recorder) Errorf(format string, arguments ...any) {
	r.message += fmt.Sprintf(format, arguments...)
}

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

// record runs a test on a goroutine of its own, as testing does, and returns how it ended.
func record(test func(t *recorder)) (ended *recorder, returned bool) {
	ended = &recorder{}
	done := make(chan bool)
	go func() {
		defer close(done)
		test(ended)
		returned = true
	}()
	<-done
	return ended, returned
}

func TestAConditionIsCalledUntilItHolds(t *testing.T) {
	calls := 0
	ended, returned := record(func(t *recorder) {
		await.Until(t, func() bool { calls++; return calls == 3 }, time.Minute, time.Millisecond)
	})
	require.True(t, returned)
	require.False(t, ended.failed)
	require.Equal(t, 3, calls)
}

func TestAFailedRequireEndsTheTestAtOnce(t *testing.T) {
	began := time.Now()
	ended, returned := record(func(t *recorder) {
		await.Until(t, func() bool {
			require.Equal(t, 200, 503, "a young index")
			return true
		}, time.Hour, time.Millisecond)
	})
	require.False(t, returned, "nothing of the test runs after a failed require")
	require.True(t, ended.failed)
	require.Contains(t, ended.message, "a young index")
	require.Less(t, time.Since(began), time.Minute)
}

func TestAWaitEnds(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	for why, condition := range map[string]func() bool{
		"was not met":      func() bool { return false },
		"has not returned": func() bool { <-never; return true },
	} {
		ended, returned := record(func(t *recorder) {
			await.Until(t, condition, 20*time.Millisecond, time.Millisecond, "the %s is empty", "queue")
		})
		require.False(t, returned)
		require.True(t, ended.failed)
		require.Contains(t, ended.message, why)
		require.Contains(t, ended.message, "the queue is empty")
	}
}
