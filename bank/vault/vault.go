// Package vault holds the bank's keys. It is the only package that handles card numbers in clear:
// it seals a number for its card, finds a card by its number through a keyed hash, derives security
// codes and fingerprints requests. It is pure computation with keys that were loaded once from a
// file.
//
// There are four keys with one purpose each, so that the output of one reveals nothing about another:
//
//   - seal: AES-256-GCM with a random nonce; several keys, each with an id. The primary one
//     seals, all of them open. 2³² numbers per key are safe by NIST SP 800-38D. From each of them
//     HKDF-SHA-256 derives a key for card tokens, which rotates with it.
//   - lookup: HMAC-SHA-256 over the digits. A new key means computing every lookup again.
//   - fingerprint: HMAC-SHA-256 over a canonical request. This key never changes.
//   - cvv: see [Vault.CVV]. A new key changes the code of every card.
//
// The primitives come from the standard library, not from a keyset library. Its AEAD draws nonces
// itself. The key id is a column of its own, so that a query finds the numbers under an old key.
// The keyed hashes keep their prepared state, so that a purchase does not prepare them again.
//
// The files, in reading order:
//
//	vault.go    seal, open, lookup and fingerprint
//	token.go    card tokens: seal and open
//	mac.go      HMAC-SHA-256 with prepared states
//	cvv.go      security codes
//	keyfile.go  load, make and rotate the keys; owner_*.go checks who owns the file
package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"

	"codebank.dev/bank"
	"codebank.dev/platform/pan"
)

// The errors of Open. They never contain the sealed number.
var (
	// ErrUnknownKey says that the number was sealed with a key that is not in the key file.
	ErrUnknownKey = errors.New("vault: sealed with an unknown key")
	// ErrNotAuthentic says that the ciphertext was altered or belongs to another card.
	ErrNotAuthentic = errors.New("vault: ciphertext altered or of another card")
)

// masked is how a Vault is printed.
const masked = "vault(masked)"

// Vault implements bank.Vault. Make one with Load or Generate; the zero Vault has no keys. It never
// changes after that and is safe for concurrent use.
type Vault struct {
	primary     string
	seals       map[string]cipher.AEAD
	tokens      []cipher.AEAD // the first one seals
	lookup      *mac
	fingerprint *mac
	cvv         *mac
}

var _ bank.Vault = (*Vault)(nil)

func newVault(keys *keyFile) (*Vault, error) {
	v := &Vault{
		primary:     keys.Primary,
		seals:       make(map[string]cipher.AEAD, len(keys.Seal)),
		lookup:      newMAC(keys.Lookup),
		fingerprint: newMAC(keys.Fingerprint),
		cvv:         newMAC(keys.CVV),
	}
	for _, key := range keys.Seal {
		block, err := aes.NewCipher(key.Key)
		if err != nil {
			return nil, fmt.Errorf("vault: key %s: %w", key.ID, err)
		}
		if v.seals[key.ID], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("vault: key %s: %w", key.ID, err)
		}
	}
	var err error
	v.tokens, err = newTokenKeys(keys)
	return v, err
}

// Generate returns a Vault with new keys that end with the process: for tests, and for stores that
// end with the process too.
func Generate() (*Vault, error) {
	keys, err := generateKeys()
	if err != nil {
		return nil, err
	}
	return newVault(keys)
}

// Lookup returns the keyed hash by which a number is found: HMAC-SHA-256 of its digits. It
// allocates nothing.
func (v *Vault) Lookup(number pan.Number) [32]byte {
	s := v.lookup.acquire()
	s.input = append(s.input, number.Reveal()...)
	s.sum()
	return v.lookup.release(s)
}

// Fingerprint returns HMAC-SHA-256 of a canonical request. It allocates nothing.
func (v *Vault) Fingerprint(canonical []byte) [32]byte {
	s := v.fingerprint.acquire()
	s.sumOf(canonical)
	return v.fingerprint.release(s)
}

// Seal encrypts a number with the primary key and binds it to its card: it opens for the same card
// only. The same number sealed twice gives different ciphertexts.
func (v *Vault) Seal(number pan.Number, card bank.ID) (bank.Sealed, error) {
	aead, ok := v.seals[v.primary]
	if !ok {
		return bank.Sealed{}, ErrUnknownKey
	}
	ciphertext := aead.Seal(nil, nil, []byte(number.Reveal()), associatedData(v.primary, card))
	return bank.Sealed{KeyID: v.primary, Ciphertext: ciphertext}, nil
}

// Open decrypts a number that Seal made for the same card, with this or an earlier primary key.
// Errors: ErrUnknownKey, ErrNotAuthentic.
func (v *Vault) Open(sealed bank.Sealed, card bank.ID) (pan.Number, error) {
	aead, ok := v.seals[sealed.KeyID]
	if !ok {
		return pan.Number{}, ErrUnknownKey
	}
	digits, err := aead.Open(nil, nil, sealed.Ciphertext, associatedData(sealed.KeyID, card))
	if err != nil {
		return pan.Number{}, ErrNotAuthentic
	}
	defer clear(digits)
	return pan.Parse(string(digits))
}

// PrimaryKeyID returns the id of the key that Seal uses. With it a query finds the numbers under
// other keys.
func (v *Vault) PrimaryKeyID() string { return v.primary }

// associatedData is the additional data to which a ciphertext is bound: its purpose, the key's id
// and the card.
func associatedData(keyID string, card bank.ID) []byte {
	data := make([]byte, 0, 64)
	data = append(data, "codebank.dev/pan\x00"...)
	data = append(data, keyID...)
	data = append(data, 0)
	return append(data, card[:]...)
}

// String reveals nothing.
func (v Vault) String() string { return masked }

// GoString reveals nothing.
func (v Vault) GoString() string { return masked }

// Format reveals nothing, whatever the verb.
func (v Vault) Format(s fmt.State, _ rune) { fmt.Fprint(s, masked) }

// LogValue reveals nothing.
func (v Vault) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText reveals nothing.
func (v Vault) MarshalText() ([]byte, error) { return []byte(masked), nil }
