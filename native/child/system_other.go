//go:build !linux

package child

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attributes asks for a process group of its own and the other user. Only Linux has a death
// signal.
func attributes(options Options) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if options.User != nil {
		attr.Credential = options.User.credential()
	}
	return attr
}

// lowerSessionPriority does nothing: here the priority of a process is enough.
func lowerSessionPriority(int, int) {}

// Running reports whether a process exists and executes. A zombie does not execute.
func Running(pid int) bool {
	state := ps("-o", "stat=", "-p", strconv.Itoa(pid))
	return state != "" && !strings.HasPrefix(state, "Z")
}

// Children lists the processes whose parent is pid, in no particular order. It is empty if the
// process is gone.
func Children(pid int) []int {
	var children []int
	for _, line := range strings.Split(ps("-axo", "pid=,ppid="), "\n") {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if candidate, err := strconv.Atoi(fields[0]); err == nil {
			children = append(children, candidate)
		}
	}
	return children
}

// Command is the short name of a process; empty if it is gone.
func Command(pid int) string {
	path := ps("-o", "comm=", "-p", strconv.Itoa(pid))
	return path[strings.LastIndexByte(path, '/')+1:]
}

func ps(args ...string) string {
	out, err := exec.Command("ps", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
