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

// predecessorPatience bounds how long a server that still runs on the same
// data is waited for. What remains of a killed one is gone in much less; one
// that stays belongs to somebody else, and the new server will say so.
const predecessorPatience = 10 * time.Second

// AwaitPredecessor waits until what is left of an earlier server on the same
// data is gone. After a launcher was killed, its server may still be shutting
// down when the next one starts, and after a postmaster was killed its
// backends may hold the shared memory for a moment: either way the next server
// would refuse to start.
func (s *Server) AwaitPredecessor(ctx context.Context) error {
	deadline := time.Now().Add(predecessorPatience)
	for occupied(s.data) && time.Now().Before(deadline) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(readyPoll):
		}
	}
	return nil
}

// occupied reads the file that a server leaves in its data folder: its first
// line is the postmaster's process, its seventh the key and the id of the
// shared memory.
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

// attached reports whether any process uses a shared memory segment. Where
// there is no such list, nobody does.
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
