package postgres

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"codebank.dev/native/child"
)

// predecessorTimeout bounds the wait for another server on the same data. The remains of a
// killed server are gone much earlier. If a server stays, it is in use, and the new server
// reports that.
const predecessorTimeout = 10 * time.Second

// AwaitPredecessor waits until an earlier server on the same data is gone. After a launcher was
// killed, its server may still be shutting down. After a postmaster was killed, its backends
// may hold the shared memory for a moment. In both cases the next server would refuse to start.
func (s *Server) AwaitPredecessor(ctx context.Context) error {
	deadline := time.Now().Add(predecessorTimeout)
	for occupied(s.data) && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyPoll):
		}
	}
	return nil
}

// occupied reads the file that a server leaves in its data folder. The first line is the
// process id of the postmaster. The seventh line is the key and the id of the shared memory.
func occupied(data string) bool {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(content), "\n")
	if pid, err := strconv.Atoi(strings.TrimSpace(lines[0])); err == nil &&
		child.Running(pid) && child.Command(pid) == "postgres" {
		return true
	}
	const memoryLine = 6
	if len(lines) <= memoryLine {
		return false
	}
	memory := strings.Fields(lines[memoryLine])
	return len(memory) == 2 && attached(memory[1])
}

// attached reports whether a process uses a shared memory segment. It returns false on systems
// without this list.
func attached(id string) bool {
	list, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(list)) {
		// key shmid perms size cpid lpid nattch …
		const idColumn, attachColumn = 1, 6
		fields := strings.Fields(line)
		if len(fields) > attachColumn && fields[idColumn] == id {
			return fields[attachColumn] != "0"
		}
	}
	return false
}
