package command

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
)

// KeySize is the number of bytes of a key's secret.
const KeySize = 32

// maxKeyFile is the most bytes of a file of keys.
const maxKeyFile = 1 << 20

// Key makes the MACs of one producer. It prints without its secret.
type Key struct {
	// ID names the key in records: 1 to 64 characters out of a-z 0-9 -
	ID string
	// Producer is the name to which the key belongs, and in whose namespace its request ids are.
	Producer string
	// ForUsers says that the producer may speak for any user. It must have proved who the user is before it
	// signs. Without it the producer speaks for itself only.
	ForUsers bool
	secret   []byte
}

// String implements fmt.Stringer without the secret.
func (k *Key) String() string { return k.ID }

// GoString implements fmt.GoStringer without the secret.
func (k *Key) GoString() string { return k.ID }

// LogValue implements slog.LogValuer without the secret.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.ID) }

// Keys are the keys of a file, in its order. They never change.
type Keys struct {
	list []*Key
	byID map[string]*Key
}

// keyFile is the form of a file of keys.
type keyFile struct {
	Keys []keyEntry `json:"keys"`
}

type keyEntry struct {
	ID       string `json:"id"`
	Producer string `json:"producer"`
	ForUsers bool   `json:"for_users,omitempty"`
	Secret   string `json:"secret"`
}

var (
	keyIDPattern    = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)
	producerPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
)

// ParseKeys reads a file of keys: JSON with a list "keys" of objects with id, producer, for_users and secret
// (32 bytes in base64). A file without keys is valid. An error never repeats a secret.
func ParseKeys(content []byte) (*Keys, error) {
	if len(content) > maxKeyFile {
		return nil, errors.New("command: the file of keys is too long")
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var file keyFile
	if err := decoder.Decode(&file); err != nil {
		return nil, errors.New("command: the file of keys is not JSON of the right form")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("command: something follows the keys")
	}
	keys := &Keys{byID: map[string]*Key{}}
	for i, entry := range file.Keys {
		secret, err := base64.StdEncoding.Strict().DecodeString(entry.Secret)
		switch {
		case !keyIDPattern.MatchString(entry.ID):
			return nil, fmt.Errorf("command: key %d has no valid id", i+1)
		case !producerPattern.MatchString(entry.Producer):
			return nil, fmt.Errorf("command: key %s names no valid producer", entry.ID)
		case err != nil || len(secret) != KeySize:
			return nil, fmt.Errorf("command: the secret of key %s is not %d bytes in base64", entry.ID, KeySize)
		case keys.byID[entry.ID] != nil:
			return nil, fmt.Errorf("command: key %s is listed twice", entry.ID)
		}
		key := &Key{ID: entry.ID, Producer: entry.Producer, ForUsers: entry.ForUsers, secret: secret}
		keys.list = append(keys.list, key)
		keys.byID[key.ID] = key
	}
	return keys, nil
}

// Signer returns the last key of a producer in the file, which is the one to sign with, or nil. The others
// still verify, so a rotation adds a key to the verifiers first and to the producer then.
func (k *Keys) Signer(producer string) *Key {
	for i := len(k.list) - 1; i >= 0; i-- {
		if k.list[i].Producer == producer {
			return k.list[i]
		}
	}
	return nil
}

// All returns the keys in the order of the file.
func (k *Keys) All() []*Key { return slices.Clone(k.list) }

// Without returns the content of a file that has these keys but one. It is an error if there is no such key.
func (k *Keys) Without(id string) ([]byte, error) {
	if k.byID[id] == nil {
		return nil, fmt.Errorf("command: there is no key %s", id)
	}
	return contentOf(k.list, func(key *Key) bool { return key.ID != id })
}

// With returns the content of a file that has a new key behind these.
func (k *Keys) With(id, producer string, forUsers bool) ([]byte, error) {
	var file keyFile
	for _, key := range k.list {
		file.Keys = append(file.Keys, key.entry())
	}
	secret := make([]byte, KeySize)
	_, _ = rand.Read(secret) // It never fails.
	file.Keys = append(file.Keys, (&Key{ID: id, Producer: producer, ForUsers: forUsers, secret: secret}).entry())
	content, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, err
	}
	content = append(content, '\n')
	if _, err := ParseKeys(content); err != nil {
		return nil, err
	}
	return content, nil
}

// Of returns the content of a file with the keys of one producer only.
func (k *Keys) Of(producer string) ([]byte, error) {
	return contentOf(k.list, func(key *Key) bool { return key.Producer == producer })
}

// contentOf returns the content of a file with some of the keys.
func contentOf(keys []*Key, has func(*Key) bool) ([]byte, error) {
	file := keyFile{Keys: []keyEntry{}}
	for _, key := range keys {
		if has(key) {
			file.Keys = append(file.Keys, key.entry())
		}
	}
	content, err := json.MarshalIndent(file, "", "  ")
	return append(content, '\n'), err
}

func (k *Key) entry() keyEntry {
	return keyEntry{ID: k.ID, Producer: k.Producer, ForUsers: k.ForUsers, Secret: base64.StdEncoding.EncodeToString(k.secret)}
}
