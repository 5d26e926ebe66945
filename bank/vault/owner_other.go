//go:build !unix

package vault

import "io/fs"

// ownedByRoot is false on systems where files have no numeric owner.
func ownedByRoot(fs.FileInfo) bool { return false }
