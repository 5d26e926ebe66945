package webhook

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"codebank.dev/platform/id"
)

const (
	// keyBytes is the length of a key of AES-256.
	keyBytes = 32
	// keyNameBytes is how much of the hash of a key names it.
	keyNameBytes = 4
	// maxKeys bounds the keys of a file.
	maxKeys = 8
)

// Keys seal the secrets of endpoints for the database, so that whoever reads the database or a backup cannot sign.
// It is safe for concurrent use.
type Keys struct{ sealers []sealer }

type sealer struct {
	name [keyNameBytes]byte
	aead cipher.AEAD
}

// ErrKeys says that a file holds no keys. It does not quote the file.
var ErrKeys = errors.New("webhook: a file of keys has 1 to 8 lines, each of 64 hexadecimal digits; the first line seals")

// ErrSealed says that a sealed secret was made under another key, or for another endpoint, or was altered.
var ErrSealed = errors.New("webhook: a sealed secret cannot be opened: is its key missing from --webhook-key?")

// ParseKeys reads a file of keys: one key on a line, 64 hexadecimal digits. The first seals, all open. To replace a
// key, put the new one in front, and take the old one away when every endpoint's secret has been rotated. Error:
// ErrKeys.
func ParseKeys(file []byte) (*Keys, error) {
	var keys Keys
	for line := range bytes.Lines(file) {
		digits := bytes.TrimSpace(line)
		if len(digits) == 0 {
			continue
		}
		key := make([]byte, hex.DecodedLen(len(digits)))
		if _, err := hex.Decode(key, digits); err != nil || len(key) != keyBytes || len(keys.sealers) == maxKeys {
			return nil, ErrKeys
		}
		made, err := newSealer(key)
		if err != nil {
			return nil, ErrKeys
		}
		keys.sealers = append(keys.sealers, made)
	}
	if len(keys.sealers) == 0 {
		return nil, ErrKeys
	}
	return &keys, nil
}

func newSealer(key []byte) (sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	hash := sha256.Sum256(key)
	return sealer{name: [keyNameBytes]byte(hash[:]), aead: aead}, err
}

// Seal returns a secret of an endpoint, sealed for it alone.
func (k *Keys) Seal(endpoint id.ID, secret Secret) []byte {
	first := &k.sealers[0]
	sealed := append([]byte(nil), first.name[:]...)
	nonce := make([]byte, first.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed = append(sealed, nonce...)
	return first.aead.Seal(sealed, nonce, secret.bytes(), endpoint[:])
}

// Open returns what Seal has sealed. Error: ErrSealed.
func (k *Keys) Open(endpoint id.ID, sealed []byte) (Secret, error) {
	for i := range k.sealers {
		one := &k.sealers[i]
		rest, found := bytes.CutPrefix(sealed, one.name[:])
		if !found || len(rest) < one.aead.NonceSize() {
			continue
		}
		plain, err := one.aead.Open(nil, rest[:one.aead.NonceSize()], rest[one.aead.NonceSize():], endpoint[:])
		if err != nil || len(plain) < minKey {
			return Secret{}, ErrSealed
		}
		key := string(plain)
		return Secret{key: &key}, nil
	}
	return Secret{}, ErrSealed
}
