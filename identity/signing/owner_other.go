//go:build !unix

package signing

import "io/fs"

// ownedByRoot reports false, because there is no root.
func ownedByRoot(fs.FileInfo) bool { return false }
