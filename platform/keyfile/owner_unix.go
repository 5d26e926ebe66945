//go:build unix

package keyfile

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByRoot reports whether root owns the file and the process is not root. Then the process got
// the file through its group.
func ownedByRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && os.Geteuid() != 0
}
