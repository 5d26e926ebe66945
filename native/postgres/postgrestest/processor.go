package postgrestest

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ProcessorTime returns how much processor time this program and the backends of the Shared server have
// used. On a machine that does other work too, it is more reliable than elapsed time.
func ProcessorTime(t testing.TB) (client, server time.Duration) {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	client = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	postmaster := strconv.Itoa(Shared(t).Pid())
	processes, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, process := range processes {
		stat, err := os.ReadFile("/proc/" + process.Name() + "/stat")
		if err != nil {
			continue
		}
		// After the name in brackets: state, parent, …; user and system time are the 12th and 13th.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) < 13 || fields[1] != postmaster {
			continue
		}
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		server += time.Duration(user+system) * time.Second / 100
	}
	return client, server
}
