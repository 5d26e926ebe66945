package token

import (
	"encoding/base64"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// MaxBytes is the length of the longest token that is looked at. Those of identity have about
// 700 bytes.
const MaxBytes = 4 << 10

// parts is the number of parts of a JWS in its compact form.
const parts = 3

// strict refuses bits behind the last byte, so that one token has one text. A decoder that
// ignores them takes sixteen texts for one signature.
var strict = base64.RawURLEncoding.Strict()

// wellFormed reports whether text is three non-empty parts of strict base64url. It allocates
// no more than the parts' length.
func wellFormed(text string) bool {
	if len(text) > MaxBytes || strings.Count(text, ".") != parts-1 {
		return false
	}
	for part := range strings.SplitSeq(text, ".") {
		// The decoder skips line breaks, even if it is strict.
		if part == "" || strings.ContainsAny(part, "\r\n") {
			return false
		}
		if _, err := strict.DecodeString(part); err != nil {
			return false
		}
	}
	return true
}

// keyID returns the id of the key that a token names. It is false if the header is not that of
// an access token. A key within the header is never used.
func keyID(signed *jose.JSONWebSignature) (string, bool) {
	if len(signed.Signatures) != 1 {
		return "", false
	}
	header := signed.Signatures[0].Protected
	kind, _ := header.ExtraHeaders[jose.HeaderType].(string)
	kind = strings.ToLower(kind)
	right := kind == "at+jwt" || kind == "application/at+jwt"
	return header.KeyID, right && header.Algorithm == string(jose.EdDSA) && header.JSONWebKey == nil &&
		header.KeyID != "" && len(header.KeyID) <= maxClaim
}
