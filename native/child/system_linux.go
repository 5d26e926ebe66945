package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes asks the kernel for a new session, the other user and the death signal.
func attributes(options Options) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: options.Death}
	if options.User != nil {
		attr.Credential = options.User.credential()
	}
	return attr
}

// lowerSessionPriority sets the niceness of a child's session. With automatic grouping, which
// is on for desktops and many servers, the kernel divides the processors between sessions and
// applies the priority of a process only within its session. Without such grouping the file is
// missing and the priority of the process is enough, so errors are ignored.
func lowerSessionPriority(pid, nice int) {
	if nice != 0 {
		_ = os.WriteFile(autogroup(pid), []byte(strconv.Itoa(nice)), 0)
	}
}

func autogroup(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid), "autogroup") }

// Running reports whether a process exists and executes. A zombie does not execute: it waits
// for its parent to read its status, which in a container may never happen.
func Running(pid int) bool {
	state, _, ok := stat(pid)
	return ok && state != "Z" && state != "X"
}

// Children lists the processes whose parent is pid, in no particular order. It is empty if the
// process is gone.
func Children(pid int) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var children []int
	for _, entry := range entries {
		candidate, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if _, parent, ok := stat(candidate); ok && parent == pid {
			children = append(children, candidate)
		}
	}
	return children
}

// Command is the short name of a process; empty if it is gone.
func Command(pid int) string {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// stat reads the state letter and the parent of a process. The name in front of them is in
// parentheses and may itself contain spaces and parentheses, so the line is cut after the last
// one.
func stat(pid int) (state string, parent int, ok bool) {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, false
	}
	end := strings.LastIndexByte(string(line), ')')
	fields := strings.Fields(string(line)[end+1:])
	if end < 0 || len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}
