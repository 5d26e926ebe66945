package vault

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"codebank.dev/bank"
	"codebank.dev/platform/pan"
)

// The text of a card token is the prefix and the base64url of
//
//	format, 1 byte | nonce, 24 bytes | ciphertext, 36 bytes | tag, 16 bytes
//
// The plaintext has the same length for every token: the card's id (zeros for an unknown card), the
// result of the check, brand, BIN, last four digits, and the time of expiry in milliseconds. The
// digits end with zero bytes if there are fewer.
const (
	// tokenPrefix makes a leaked token recognisable.
	tokenPrefix = "ctk_"
	// tokenFormat is the one format so far.
	tokenFormat = 1

	nonceSize     = len(bank.Nonce{})
	binSize       = 6
	last4Size     = 4
	plaintextSize = 16 + 1 + 1 + binSize + last4Size + 8
	sealedSize    = 1 + nonceSize + plaintextSize + chacha20poly1305.Overhead
)

// tokenPurpose is a part of the derived key and of the additional data.
const tokenPurpose = "codebank.dev/card-token\x00"

// tokenEncoding refuses texts that differ only in bits that are not used.
var tokenEncoding = base64.RawURLEncoding.Strict()

var tokenTextLength = len(tokenPrefix) + tokenEncoding.EncodedLen(sealedSize)

var _ bank.TokenSealer = (*Vault)(nil)

// errNoTokenCard refuses a card whose digits do not fit a token. Every card number has six digits
// of BIN and four last ones.
var errNoTokenCard = errors.New("vault: the card's digits do not fit a token")

// newTokenKey derives the key that seals tokens from a seal key: HKDF-SHA-256, with the purpose and
// the id of the seal key as its info.
func newTokenKey(key sealKey) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key.Key, nil, tokenPurpose+key.ID, chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	defer clear(derived)
	return chacha20poly1305.NewX(derived)
}

// SealToken implements bank.TokenSealer, with XChaCha20-Poly1305 under a key that is derived from
// the primary seal key.
func (v *Vault) SealToken(code bank.Code, token bank.CardToken) (string, error) {
	if len(v.tokens) == 0 {
		return "", ErrUnknownKey
	}
	if len(token.Card.BIN) > binSize || len(token.Card.Last4) > last4Size {
		return "", errNoTokenCard
	}
	var buffer [sealedSize]byte
	sealed := append(buffer[:0], tokenFormat)
	sealed = append(sealed, token.Nonce[:]...)
	var plaintext [plaintextSize]byte
	fillToken(&plaintext, &token)
	sealed = v.tokens[0].Seal(sealed, token.Nonce[:], plaintext[:], tokenData(code))
	text := make([]byte, 0, tokenTextLength)
	return string(tokenEncoding.AppendEncode(append(text, tokenPrefix...), sealed)), nil
}

// OpenToken implements bank.TokenSealer. It tries the keys that are derived from every seal key, the
// primary one first: a rotation of the seal keys changes nothing for a token as long as its key is
// in the key file.
func (v *Vault) OpenToken(code bank.Code, text string) (bank.CardToken, bool) {
	encoded, ok := strings.CutPrefix(text, tokenPrefix)
	if !ok || len(text) != tokenTextLength {
		return bank.CardToken{}, false
	}
	sealed, err := tokenEncoding.AppendDecode(make([]byte, 0, sealedSize), []byte(encoded))
	if err != nil || len(sealed) != sealedSize || sealed[0] != tokenFormat {
		return bank.CardToken{}, false
	}
	token := bank.CardToken{Nonce: bank.Nonce(sealed[1:])}
	var buffer [plaintextSize]byte
	for _, key := range v.tokens {
		plaintext, err := key.Open(buffer[:0], token.Nonce[:], sealed[1+nonceSize:], tokenData(code))
		if err == nil {
			fillFrom(&token, plaintext)
			return token, true
		}
	}
	return bank.CardToken{}, false
}

// tokenData is the additional data to which a token is bound: its purpose and its bank.
func tokenData(code bank.Code) []byte { return []byte(tokenPurpose + string(code)) }

func fillToken(plaintext *[plaintextSize]byte, token *bank.CardToken) {
	p := plaintext[:]
	p = p[copy(p, token.Card.ID[:]):]
	p[0], p[1] = byte(token.Check.Decline), byte(token.Card.Brand)
	p = p[2:]
	copy(p[:binSize], token.Card.BIN)
	p = p[binSize:]
	copy(p[:last4Size], token.Card.Last4)
	binary.BigEndian.PutUint64(p[last4Size:], uint64(token.ExpiresAt.UnixMilli()))
}

// fillFrom is the inverse of fillToken.
func fillFrom(token *bank.CardToken, p []byte) {
	p = p[copy(token.Card.ID[:], p):]
	token.Check.Decline, token.Card.Brand = bank.DeclineReason(p[0]), pan.Brand(p[1])
	p = p[2:]
	token.Card.BIN = digits(p[:binSize])
	p = p[binSize:]
	token.Card.Last4 = digits(p[:last4Size])
	token.ExpiresAt = time.UnixMilli(int64(binary.BigEndian.Uint64(p[last4Size:]))).UTC()
}

// digits returns the text of a field that may end with zero bytes.
func digits(field []byte) string { return strings.TrimRight(string(field), "\x00") }

// newTokenKeys returns the token keys of all seal keys, that of the primary one first.
func newTokenKeys(keys *keyFile) ([]cipher.AEAD, error) {
	tokens := make([]cipher.AEAD, 1, len(keys.Seal))
	for _, key := range keys.Seal {
		aead, err := newTokenKey(key)
		if err != nil {
			return nil, fmt.Errorf("vault: key %s: %w", key.ID, err)
		}
		if key.ID == keys.Primary {
			tokens[0] = aead
		} else {
			tokens = append(tokens, aead)
		}
	}
	return tokens, nil
}
