//go:build !unix

package keyfile

import "io/fs"

// ownedByRoot is false on systems where files have no numeric owner.
func ownedByRoot(fs.FileInfo) bool { return false }
