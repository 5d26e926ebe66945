package token

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"

	"github.com/go-jose/go-jose/v4"
)

const (
	// maxKeySet is the length of the longest key set that is read.
	maxKeySet = 64 << 10
	// maxKeys is the largest number of keys that a set may have.
	maxKeys = 32
)

var errKeySet = errors.New("token: not a JSON Web Key Set with an Ed25519 key for signatures")

// KeySet is a set of public keys by their ids. It never changes.
type KeySet map[string]ed25519.PublicKey

var _ Keys = KeySet(nil)

// Key returns the key with an id, or nil. The error is nil.
func (s KeySet) Key(_ context.Context, id string) (ed25519.PublicKey, error) { return s[id], nil }

// ParseKeySet returns the keys of a JSON Web Key Set that can verify an access token: Ed25519,
// with an id, for signatures. It leaves out other keys. It is an error if there is none, if two
// keys have one id, or if a key is private. The error does not repeat the set.
func ParseKeySet(document []byte) (KeySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if len(document) > maxKeySet || json.Unmarshal(document, &raw) != nil || len(raw.Keys) > maxKeys {
		return nil, errKeySet
	}
	set := make(KeySet)
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) != nil {
			continue // A kind of key that the library does not know.
		}
		if _, private := key.Key.(ed25519.PrivateKey); private {
			return nil, errors.New("token: the key set has a private key: it must be replaced, and never published again")
		}
		public, ok := key.Key.(ed25519.PublicKey)
		if !ok || len(public) != ed25519.PublicKeySize || key.KeyID == "" || key.Use != "" && key.Use != "sig" ||
			key.Algorithm != "" && key.Algorithm != string(jose.EdDSA) {
			continue
		}
		if set[key.KeyID] != nil {
			return nil, errors.New("token: two keys of the set have one id")
		}
		set[key.KeyID] = public
	}
	if len(set) == 0 {
		return nil, errKeySet
	}
	return set, nil
}
