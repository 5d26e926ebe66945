//go:build unix

package signing

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByRoot reports whether root owns the file and the process is not root: then the process got the
// file through its group.
func ownedByRoot(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && owner.Uid == 0 && os.Geteuid() != 0
}
