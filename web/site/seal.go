package site

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"codebank.dev/platform/keyfile"
)

// KeySize is the bytes of a key: AES-256.
const KeySize = 32

// Keys seal what cookies carry: nobody but the program reads or makes it. It is safe for concurrent use.
type Keys struct{ ciphers []cipher.AEAD }

// errSealed says that a text was not sealed by these keys under this name.
var errSealed = errors.New("site: not sealed by a key of this site")

// NewKeys returns keys: the first seals, and all of them open, so that a new key ends no session.
func NewKeys(keys ...[]byte) (*Keys, error) {
	if len(keys) == 0 {
		return nil, errors.New("site: there is no key")
	}
	k := &Keys{}
	for _, key := range keys {
		if len(key) != KeySize {
			return nil, fmt.Errorf("site: a key has %d bytes, not %d", len(key), KeySize)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		sealing, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return nil, err
		}
		k.ciphers = append(k.ciphers, sealing)
	}
	return k, nil
}

// OpenKeys returns the keys in files of 32 bytes. before is the file of the key that was used before; empty for none.
func OpenKeys(path, before string) (*Keys, error) {
	var keys [][]byte
	for _, name := range []string{path, before} {
		if name == "" {
			continue
		}
		key, err := keyfile.Read(name)
		if err != nil {
			return nil, err
		}
		if len(key) != KeySize {
			return nil, fmt.Errorf("%s: a key has %d bytes; make one by: banking keys new", name, KeySize)
		}
		keys = append(keys, key)
	}
	return NewKeys(keys...)
}

// NewKeyFile writes a new key into a file that only this user can read. An existing file stays: the error is fs.ErrExist then.
func NewKeyFile(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // It does not fail: see crypto/rand.
	_, err = file.Write(key)
	return errors.Join(err, file.Sync(), file.Close())
}

// RandomKeys returns a key that nobody knows, and that ends with the program.
func RandomKeys() (*Keys, error) {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // It does not fail: see crypto/rand.
	return NewKeys(key)
}

// seal returns content as a text for the cookie of a name. Under another name it does not open.
func (k *Keys) seal(name string, content []byte) string {
	return base64.RawURLEncoding.EncodeToString(k.ciphers[0].Seal(nil, nil, content, []byte(name)))
}

// open returns what was sealed for a name. Any other text is errSealed.
func (k *Keys) open(name, text string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errSealed
	}
	for _, opening := range k.ciphers {
		if content, err := opening.Open(nil, nil, sealed, []byte(name)); err == nil {
			return content, nil
		}
	}
	return nil, errSealed
}
