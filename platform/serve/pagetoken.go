package serve

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"codebank.dev/platform/fault"
)

const (
	// MinPageTokenKey is the least number of bytes of a page token key.
	MinPageTokenKey = 16

	pageTokenVersion = 1
	pageTokenMAC     = 16
	maxPageToken     = 1024
)

// errPageToken is the one answer for every kind of wrong token, because a caller has no
// use for more.
var errPageToken = fault.Invalid("page_token", "The page token was not issued for this query; ask for the first page again.")

// PageTokens makes and reads page tokens. A token holds a position, which says where the
// next page begins, and a MAC over the position and the query. So a token that was
// altered, made up or taken from another query is refused. All replicas of a service need
// the same key. PageTokens is safe for concurrent use.
type PageTokens struct{ key []byte }

// NewPageTokens returns tokens under the given key, which must have at least
// MinPageTokenKey bytes. The key must be secret, because anybody who has it can make
// tokens.
func NewPageTokens(key []byte) (*PageTokens, error) {
	if len(key) < MinPageTokenKey {
		return nil, fmt.Errorf("a page token key needs at least %d bytes, this one has %d", MinPageTokenKey, len(key))
	}
	return &PageTokens{key: append([]byte(nil), key...)}, nil
}

// Issue returns the token of a position within a query. The query is every part of the
// request that must not change from page to page: its method, parent and filters, but not
// the page size. Anybody who has the token can read the position, so the position must
// not be secret.
func (p *PageTokens) Issue(position []byte, query ...string) string {
	token := make([]byte, 0, 1+pageTokenMAC+len(position))
	token = append(token, pageTokenVersion)
	token = append(token, p.mac(position, query)...)
	token = append(token, position...)
	return base64.RawURLEncoding.EncodeToString(token)
}

// Read returns the position of a token that was issued for the same query, or an
// InvalidArgument fault that names page_token.
func (p *PageTokens) Read(token string, query ...string) ([]byte, error) {
	if len(token) > maxPageToken || strings.ContainsAny(token, "\r\n") { // The decoder skips line breaks.
		return nil, errPageToken
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < 1+pageTokenMAC || raw[0] != pageTokenVersion {
		return nil, errPageToken
	}
	mac, position := raw[1:1+pageTokenMAC], raw[1+pageTokenMAC:]
	if !hmac.Equal(mac, p.mac(position, query)) {
		return nil, errPageToken
	}
	return position, nil
}

// mac covers the version, the position and each part of the query. The lengths are part
// of it, so that no two queries have the same bytes.
func (p *PageTokens) mac(position []byte, query []string) []byte {
	h := hmac.New(sha256.New, p.key)
	h.Write([]byte{pageTokenVersion})
	var length [8]byte
	part := func(b []byte) {
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	part(position)
	for _, q := range query {
		part([]byte(q))
	}
	return h.Sum(nil)[:pageTokenMAC]
}
