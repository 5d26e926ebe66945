package bench

import (
	"syscall"
	"time"
)

// sleepExactly sleeps in the kernel. The timers of the runtime may be a millisecond late when
// nothing else happens, which would count as latency. An interrupted sleep is too short, so the
// caller checks the clock again.
func sleepExactly(d time.Duration) {
	duration := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&duration, nil)
}
