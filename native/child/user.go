package child

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// User is a user without privileges. Programs that refuse to run as root run as this user.
type User struct {
	Name string
	UID  uint32
	GID  uint32
}

// ErrNoUser is returned by [Unprivileged] if the caller is root and none of the expected users
// exists.
var ErrNoUser = errors.New("no user to run as instead of root: none of nobody, daemon and postgres exists")

// Unprivileged returns the user for programs that refuse to run as root. It returns nil if the
// caller is not root; then everything runs as the caller.
func Unprivileged() (*User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"nobody", "daemon", "postgres"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(found.Gid, 10, 32)
		if errUID != nil || errGID != nil || uid == 0 {
			continue
		}
		return &User{Name: name, UID: uint32(uid), GID: uint32(gid)}, nil
	}
	return nil, ErrNoUser
}

func (u *User) credential() *syscall.Credential {
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: []uint32{u.GID}}
}

// CanReach reports whether the user can enter path and every folder above it. If path does not
// exist yet, only the existing folders count. A nil user is the caller, who always can.
func (u *User) CanReach(path string) bool {
	if u == nil {
		return true
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	for {
		info, err := os.Stat(path)
		if err == nil && !u.canEnter(info) {
			return false
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
		path = filepath.Dir(path)
	}
}

// canEnter reads the execute bit that applies to the user.
func (u *User) canEnter(info fs.FileInfo) bool {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	switch {
	case owner.Uid == u.UID:
		return info.Mode()&0o100 != 0
	case owner.Gid == u.GID:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}

// Folder makes a folder that the user owns and can reach, and returns its path: the given path
// if that is possible, otherwise its [Shelter]. A repeated call returns the same folder. A nil
// user always gets path.
func (u *User) Folder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if u == nil {
		return path, os.MkdirAll(path, 0o700)
	}
	if !u.CanReach(filepath.Dir(path)) {
		path = Shelter(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	// The shelter is in a folder that everybody may write to, and its name can be guessed. It
	// must not be a link or a folder of another user.
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || (owner.Uid != 0 && owner.Uid != u.UID) {
		return "", fmt.Errorf("%s is not a folder of root or %s", path, u.Name)
	}
	return path, os.Chown(path, int(u.UID), int(u.GID))
}

// WriteFile writes a file that only the user can read, and replaces an existing one. A nil user
// is the caller.
func (u *User) WriteFile(path, content string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if u != nil {
		err = errors.Join(err, file.Chown(int(u.UID), int(u.GID)))
	}
	return errors.Join(err, file.Close())
}

// CopyFile copies a file to one that only the user can read.
func (u *User) CopyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return u.WriteFile(to, string(content))
}

// Shelter is the folder that replaces path for a user who cannot reach path. It is under
// /var/tmp, named by a hash of path.
func Shelter(path string) string {
	sum := sha256.Sum256([]byte(filepath.Clean(path)))
	return filepath.Join("/var/tmp", "codebank-"+hex.EncodeToString(sum[:8]))
}
