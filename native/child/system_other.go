//go:build !linux

package child

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// attributes asks for a group of its own and the other user. There is no
// death signal outside Linux.
func attributes(options Options) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if options.User != nil {
		attr.Credential = options.User.credential()
	}
	return attr
}

// yield does nothing: a priority is a process's own here.
func yield(int, int) {}

// Running reports whether a process exists and still executes; a zombie does not.
func Running(pid int) bool {
	state := ps("-o", "stat=", "-p", strconv.Itoa(pid))
	return state != "" && !strings.HasPrefix(state, "Z")
}

// Children lists the processes whose parent is pid, in no order. It is empty
// when the process is gone.
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

// Command is the short name of a process, empty when it is gone.
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
