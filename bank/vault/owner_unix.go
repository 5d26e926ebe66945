//go:build unix

package vault

import (
	"io/fs"
	"os"
	"syscall"
)

// ownedByAnotherRoot reports whether root owns the file and the process is not
// root: then the group is how the file was given to it.
func ownedByRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && os.Geteuid() != 0
}
