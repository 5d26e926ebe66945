package child

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes asks the kernel for a session of its own, the other user and the
// death signal.
func attributes(options Options) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: options.Death}
	if options.User != nil {
		attr.Credential = options.User.credential()
	}
	return attr
}

// yield has the session of a child give way. With automatic grouping, which desktops and
// many servers have on, the kernel divides the processors between sessions and looks at a
// process's own priority only within its session. Where there is no such grouping there
// is no such file, and the process's priority is enough: an error is nobody's.
func yield(pid, nice int) {
	if nice != 0 {
		_ = os.WriteFile(autogroup(pid), []byte(strconv.Itoa(nice)), 0)
	}
}

func autogroup(pid int) string { return filepath.Join("/proc", strconv.Itoa(pid), "autogroup") }

// Running reports whether a process exists and still executes. A zombie does
// not: it only waits for its parent to take note, which in a container may
// never happen.
func Running(pid int) bool {
	state, _, ok := stat(pid)
	return ok && state != "Z" && state != "X"
}

// Children lists the processes whose parent is pid, in no order. It is empty
// when the process is gone.
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

// Command is the short name of a process, empty when it is gone.
func Command(pid int) string {
	name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}

// stat reads the state letter and the parent of a process. The name before
// them is in parentheses and may itself hold blanks and parentheses, so the
// line is cut after the last one.
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
