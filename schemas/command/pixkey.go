package command

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// pixKeyDomain separates the digests of keys from the MACs of records, which are made with the same secret.
const pixKeyDomain = "codebank pix key 1"

// PixKey is what the digest of a Pix key covers: the key, and the account that it belongs to as its bank says.
type PixKey struct {
	// Kind is EMAIL, CPF, PHONE or RANDOM, and Key the key in its one form.
	Kind, Key string
	// BankCode is three digits, and AccountID a UUID in lower case.
	BankCode, AccountID string
	// HolderName and HolderDocument are complete.
	HolderName, HolderDocument string
}

// PixDigest returns what a key counts for in the digest over its bank's keys, which is the exclusive or of them:
// HMAC-SHA256 over the fields in their order, each with its length of eight bytes before it. Bank and hub make it with
// the key that GetDigest names, so that each can compare its own keys with the other's.
func (k *Key) PixDigest(key *PixKey) (digest [sha256.Size]byte) {
	h := hmac.New(sha256.New, k.secret)
	var length [8]byte
	for _, part := range []string{pixKeyDomain, key.Kind, key.Key, key.BankCode, key.AccountID, key.HolderName, key.HolderDocument} {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write([]byte(part))
	}
	h.Sum(digest[:0])
	return digest
}

// PixDigestKey returns the key with which the digests over a bank's keys are made, or nil: the first one of the bank
// in the file. A rotation adds a key behind it, so it stays the same for both sides until it is taken out.
func (k *Keys) PixDigestKey(bankCode string) *Key {
	for _, key := range k.list {
		if key.Producer == PixBank(bankCode) {
			return key
		}
	}
	return nil
}
