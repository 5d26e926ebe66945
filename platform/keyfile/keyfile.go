// Package keyfile reads and writes files that hold keys in clear. It knows nothing of what is in them.
package keyfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"codebank.dev/platform/failpoint"
)

// Max is the most bytes of a file that Read reads.
const Max = 1 << 20

// ErrAccess says that others than the program can read or change a file of keys.
var ErrAccess = errors.New("others have access to the file of keys")

// The failpoints of Replace.
const (
	// Written: the content is in a file with a temporary name and flushed.
	Written failpoint.Point = "key-file-written"
	// Published: the content has its name; the folder is not flushed.
	Published failpoint.Point = "key-file-published"
)

// Read returns the content of the file at path. The file must belong to the user, with no access for group and
// others (0600). A file of root, as mounts of secrets make them, may be readable by the group (0640). Errors:
// ErrAccess, and those of the file system; none repeats the content.
func Read(path string) ([]byte, error) { return contentOf(path, checkAccess) }

// ReadPublic returns the content of a file that holds no key, but says whose keys count. Anybody may read it, and nobody
// but its owner and its group may change it (0664). Errors are those of Read.
func ReadPublic(path string) ([]byte, error) {
	return contentOf(path, func(info fs.FileInfo) error { return checkMode(info, 0o664) })
}

func contentOf(path string, check func(fs.FileInfo) error) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := check(info); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	content, err := io.ReadAll(io.LimitReader(file, Max+1))
	if err == nil && len(content) > Max {
		err = fmt.Errorf("%s is longer than %d bytes", path, Max)
	}
	return content, err
}

// checkAccess refuses a file that others may read or change.
func checkAccess(info fs.FileInfo) error {
	if ownedByRoot(info) {
		return checkMode(info, 0o640)
	}
	return checkMode(info, 0o600)
}

// checkMode refuses a file that gives more access than allowed.
func checkMode(info fs.FileInfo, allowed fs.FileMode) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if mode := info.Mode().Perm(); mode&^allowed != 0 {
		return fmt.Errorf("%w: mode %04o; make it %04o", ErrAccess, mode, allowed)
	}
	return nil
}

// Replace makes content the whole file at path, with mode 0600, or leaves what was there, also if the machine
// fails meanwhile. hook is called between the durable steps; nil for none.
func Replace(path string, content []byte, hook failpoint.Hook) error {
	folder := filepath.Dir(path)
	// CreateTemp makes the file with mode 0600, whatever the umask.
	file, err := os.CreateTemp(folder, ".keys-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	hook.At(Written)
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	hook.At(Published)
	return syncFolder(folder)
}

// syncFolder flushes a folder, so that a new name survives a power failure.
func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
