package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"codebank.dev/platform/failpoint"
)

const (
	// keySize is the length of every key in bytes.
	keySize = 32
	// keyFileVersion is the version of the key file's format.
	keyFileVersion = 1
	// maxKeyFile is the largest key file that is read; it has room for hundreds of rotations.
	maxKeyFile = 64 << 10
)

// ErrKeyFile says that a key file is incomplete, damaged or accessible to others. The text around
// it names the fault and never repeats the content of the file.
var ErrKeyFile = errors.New("vault: bad key file")

// keyFile is the key file as JSON. It holds the keys in clear: it never leaves this source file and
// is never printed.
type keyFile struct {
	Version     int       `json:"version"`
	Primary     string    `json:"primary"`
	Seal        []sealKey `json:"seal"`
	Lookup      []byte    `json:"lookup"`
	Fingerprint []byte    `json:"fingerprint"`
	CVV         []byte    `json:"cvv"`
}

type sealKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

// Load reads the key file at path. The file must belong to the user, with no access for group and
// others (0600). A file of root, as secret mounts make them, may be readable by the group (0640).
// Errors wrap ErrKeyFile or the error of the file system.
func Load(path string) (*Vault, error) {
	keys, err := readKeyFile(path)
	if err != nil {
		return nil, err
	}
	return newVault(keys)
}

// NewKeyFile makes a key file with new keys at path, mode 0600. The file appears complete or not at
// all. It never changes an existing file: then the error is fs.ErrExist. hook is called at the
// points between durable steps; nil for none.
func NewKeyFile(path string, hook failpoint.Hook) error {
	keys, err := generateKeys()
	if err != nil {
		return err
	}
	// A link, unlike a rename, fails when the name exists.
	err = writeKeyFile(path, keys, func(from, to string) error {
		hook.At(KeysWritten)
		return os.Link(from, to)
	})
	if err != nil {
		return err
	}
	hook.At(KeysPublished)
	return syncFolder(filepath.Dir(path))
}

// AddKey adds a new seal key to the key file and returns its id. The key seals nothing until
// SetPrimary names it: first give the new file to every replica, so that each can open what any of
// them seals.
func AddKey(path string) (string, error) {
	keys, err := readKeyFile(path)
	if err != nil {
		return "", err
	}
	key, err := newSealKey()
	if err != nil {
		return "", err
	}
	keys.Seal = append(keys.Seal, key)
	return key.ID, replaceKeyFile(path, keys)
}

// SetPrimary makes the key with this id the one that seals. A second call with the same id changes
// nothing. ErrUnknownKey when the file has no such key.
func SetPrimary(path, id string) error {
	keys, err := readKeyFile(path)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys.Seal, func(k sealKey) bool { return k.ID == id }) {
		return ErrUnknownKey
	}
	keys.Primary = id
	return replaceKeyFile(path, keys)
}

// replaceKeyFile replaces the file at path by one with these keys, completely or not at all.
func replaceKeyFile(path string, keys *keyFile) error {
	if err := writeKeyFile(path, keys, os.Rename); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func generateKeys() (*keyFile, error) {
	key, err := newSealKey()
	if err != nil {
		return nil, err
	}
	secrets := make([]byte, 3*keySize)
	if _, err := rand.Read(secrets); err != nil {
		return nil, err
	}
	return &keyFile{
		Version: keyFileVersion, Primary: key.ID, Seal: []sealKey{key},
		Lookup: secrets[:keySize], Fingerprint: secrets[keySize : 2*keySize], CVV: secrets[2*keySize:],
	}, nil
}

func newSealKey() (sealKey, error) {
	secrets := make([]byte, keySize+4)
	if _, err := rand.Read(secrets); err != nil {
		return sealKey{}, err
	}
	// Ids are random, not counted: "k2" of one file must not pass for "k2" of another.
	return sealKey{ID: hex.EncodeToString(secrets[keySize:]), Key: secrets[:keySize]}, nil
}

func readKeyFile(path string) (*keyFile, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("vault: key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("vault: key file: %w", err)
	}
	if err := checkAccess(info); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrKeyFile, path, err)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("vault: key file: %w", err)
	}
	keys, err := parseKeyFile(data)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrKeyFile, path, err)
	}
	return keys, nil
}

// checkAccess refuses a file that others may read or change.
func checkAccess(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	allowed := fs.FileMode(0o600)
	if ownedByRoot(info) {
		allowed = 0o640
	}
	if mode := info.Mode().Perm(); mode&^allowed != 0 {
		return fmt.Errorf("mode %04o gives others access to the keys; make it %04o", mode, allowed)
	}
	return nil
}

// parseKeyFile returns the keys in data. Its errors name the place and the kind of a fault, never
// the content.
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
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("not a key file: there is data after the keys")
	}
	return keys, keys.check()
}

// check checks the length and the id of each key, and that no two keys are equal: equal keys are a
// copying mistake, with which one answer would help against another.
func (k *keyFile) check() error {
	if k.Version != keyFileVersion {
		return fmt.Errorf("version %d, want %d", k.Version, keyFileVersion)
	}
	ids := make(map[string]bool)
	seen := map[[keySize]byte]string{{}: "a row of zeros"}
	named := []sealKey{{"lookup", k.Lookup}, {"fingerprint", k.Fingerprint}, {"cvv", k.CVV}}
	for i, key := range k.Seal {
		if !isKeyID(key.ID) || ids[key.ID] {
			return fmt.Errorf("seal key %d has no id of its own", i+1)
		}
		ids[key.ID] = true
		named = append(named, sealKey{"seal " + key.ID, key.Key})
	}
	for _, key := range named {
		if len(key.Key) != keySize {
			return fmt.Errorf("key %s has %d bytes, want %d", key.ID, len(key.Key), keySize)
		}
		if other, ok := seen[[keySize]byte(key.Key)]; ok {
			return fmt.Errorf("key %s is the same as %s", key.ID, other)
		}
		seen[[keySize]byte(key.Key)] = key.ID
	}
	if !ids[k.Primary] {
		return errors.New("the primary key is not among the seal keys")
	}
	return nil
}

func isKeyID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return id != "" && len(id) <= 32
}

// writeKeyFile writes the keys into a file beside path and calls publish to give the complete file
// its name. The name is durable once the folder is flushed.
func writeKeyFile(path string, keys *keyFile, publish func(from, to string) error) error {
	data, err := json.MarshalIndent(keys, "", "  ")
	if err != nil {
		return fmt.Errorf("vault: key file: %w", err)
	}
	folder := filepath.Dir(path)
	// CreateTemp makes the file with mode 0600, whatever the umask.
	file, err := os.CreateTemp(folder, ".vault-*")
	if err != nil {
		return fmt.Errorf("vault: key file: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(data, '\n'))
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = publish(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("vault: key file: %w", err)
	}
	return nil
}

// syncFolder flushes a folder, so that a new name survives a power failure.
func syncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("vault: key file: %w", err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return fmt.Errorf("vault: key file: %w", err)
	}
	return nil
}

// The failpoints of writing a key file, which bankctl does.
const (
	// KeysWritten: the key file is written under a temporary name and flushed.
	KeysWritten failpoint.Point = "keys-written"
	// KeysPublished: the key file has its name; the folder is not flushed.
	KeysPublished failpoint.Point = "keys-published"
)
