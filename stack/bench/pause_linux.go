package bench

import (
	"syscall"
	"time"
)

// pause sleeps in the kernel. The runtime's own timers may be late by a millisecond
// when nothing else happens, which would be taken for latency. An interrupted sleep
// is short, and the caller looks at the clock again.
func pause(d time.Duration) {
	duration := syscall.NsecToTimespec(d.Nanoseconds())
	_ = syscall.Nanosleep(&duration, nil)
}
