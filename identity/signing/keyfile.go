package signing

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"codebank.dev/identity/failpoints"
	"codebank.dev/platform/failpoint"
)

const (
	// keyFileVersion is the version of the key file's format.
	keyFileVersion = 1
	// maxKeyFile is the largest key file that is read.
	maxKeyFile = 16 << 10
	// maxKeys is how many keys are live at once: the one that signs, and the one before or after it.
	maxKeys = 2
)

// ErrKeyFile says that a key file is incomplete, damaged or accessible to others. The text around it
// names the fault and never repeats the content of the file.
var ErrKeyFile = errors.New("signing: bad key file")

// keyFile is the key file as JSON. It holds the keys in clear: it never leaves this package and is
// never printed.
type keyFile struct {
	Version int `json:"version"`
	// Signs is the id of the key that signs.
	Signs string `json:"signs"`
	// SignsSince is since when it does.
	SignsSince time.Time `json:"signs_since"`
	// Keys are in the order in which they were added.
	Keys []signingKey `json:"keys"`
}

type signingKey struct {
	ID      string    `json:"id"`
	AddedAt time.Time `json:"added_at"`
	Seed    []byte    `json:"seed"`
}

// NewKeyFile makes a key file with one new key at path, mode 0600. The file appears complete or not at
// all. It never changes an existing file: then the error is fs.ErrExist. hook is called at the points
// between durable steps; nil for none.
func NewKeyFile(path string, now time.Time, hook failpoint.Hook) error {
	key := newKey(now)
	keys := &keyFile{Version: keyFileVersion, Signs: key.ID, SignsSince: key.AddedAt, Keys: []signingKey{key}}
	// A link, unlike a rename, fails when the name exists.
	return writeKeyFile(path, keys, hook, os.Link)
}

func newKey(now time.Time) signingKey {
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed) // It never fails: package rand ends the program instead.
	const idLength = 12
	// Ids are random, not counted: a key of one file must not pass for one of another.
	return signingKey{ID: strings.ToLower(rand.Text()[:idLength]), AddedAt: now.UTC().Truncate(time.Second), Seed: seed}
}

func readKeyFile(path string) (*keyFile, fs.FileInfo, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("signing: key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("signing: key file: %w", err)
	}
	if err := checkAccess(info); err != nil {
		return nil, nil, fmt.Errorf("%w %s: %w", ErrKeyFile, path, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("signing: key file: %w", err)
	}
	keys, err := parseKeyFile(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w %s: %w", ErrKeyFile, path, err)
	}
	return keys, info, nil
}

// checkAccess refuses a file that others may read or change.
func checkAccess(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	allowed := fs.FileMode(0o600)
	if ownedByRoot(info) {
		allowed = 0o640 // as mounts of secrets make them
	}
	if mode := info.Mode().Perm(); mode&^allowed != 0 {
		return fmt.Errorf("mode %04o gives others access to the keys; make it %04o", mode, allowed)
	}
	return nil
}

// parseKeyFile returns the keys in data. Its errors name the kind of a fault, never the content.
func parseKeyFile(data []byte) (*keyFile, error) {
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("longer than %d bytes", maxKeyFile)
	}
	keys := new(keyFile)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(keys); err != nil {
		return nil, fmt.Errorf("not a key file: malformed near byte %d of %d", decoder.InputOffset(), len(data))
	}
	if _, err := decoder.Token(); err != io.EOF { //nolint:errorlint // Token returns exactly io.EOF at the end.
		return nil, errors.New("not a key file: there is data after the keys")
	}
	return keys, keys.check()
}

var keyIDForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

func (k *keyFile) check() error {
	if k.Version != keyFileVersion {
		return fmt.Errorf("version %d, want %d", k.Version, keyFileVersion)
	}
	if len(k.Keys) == 0 || len(k.Keys) > maxKeys {
		return fmt.Errorf("%d keys, want 1 or %d", len(k.Keys), maxKeys)
	}
	for i, key := range k.Keys {
		switch {
		case !keyIDForm.MatchString(key.ID):
			return fmt.Errorf("key %d has no id", i+1)
		case len(key.Seed) != ed25519.SeedSize || bytes.Count(key.Seed, key.Seed[:1]) == len(key.Seed):
			return fmt.Errorf("key %s is not a seed of %d random bytes", key.ID, ed25519.SeedSize)
		}
	}
	if len(k.Keys) == maxKeys && (k.Keys[0].ID == k.Keys[1].ID || bytes.Equal(k.Keys[0].Seed, k.Keys[1].Seed)) {
		return errors.New("two keys are the same, or have one id")
	}
	if !slices.ContainsFunc(k.Keys, func(key signingKey) bool { return key.ID == k.Signs }) {
		return errors.New("the key that signs is not among the keys")
	}
	return nil
}

// writeKeyFile writes the keys into a file beside path and calls publish to give the complete file its
// name.
func writeKeyFile(path string, keys *keyFile, hook failpoint.Hook, publish func(from, to string) error) error {
	data, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return fmt.Errorf("signing: key file: %w", err)
	}
	// CreateTemp makes the file with mode 0600, whatever the umask.
	file, err := os.CreateTemp(filepath.Dir(path), ".signing-*")
	if err != nil {
		return fmt.Errorf("signing: key file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(data, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	hook.After(err, failpoints.SigningKeysWritten)
	if err == nil {
		err = publish(file.Name(), path)
	}
	hook.After(err, failpoints.SigningKeysPublished)
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("signing: key file: %w", err)
	}
	return nil
}

// syncFolder flushes a folder, so that a new name survives a power failure.
func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
