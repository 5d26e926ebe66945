package bank

import (
	"context"
	"encoding/binary"
	"io"
	"time"
)

// TokenLife is how long a card token is good after it was issued.
const TokenLife = 15 * time.Minute

// CardToken is what a card token stands for. It holds neither number nor security code.
type CardToken struct {
	// Nonce is the token's own; no two tokens share one.
	Nonce Nonce
	// Card has the brand, BIN and last four of what was presented. Its ID is zero when the card is
	// unknown.
	Card  CardSnapshot
	Check CardCheck
	// ExpiresAt is in whole milliseconds, UTC.
	ExpiresAt time.Time
}

// Nonce makes a card token unique. Its first 16 bytes are a UUID of version 7: they begin with the
// time of issue, so that tokens that are used at about the same time are neighbours in an index.
// All other bits are random.
type Nonce [24]byte

// idLength is the length of the part of a nonce that is a UUID.
const idLength = len(ID{})

// NewNonce returns a nonce of a token that is issued at now. The error is that of random.
func NewNonce(now time.Time, random io.Reader) (Nonce, error) {
	var nonce Nonce
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return Nonce{}, err
	}
	first := FirstNonceID(now)
	copy(nonce[:6], first[:6])
	nonce[6] = nonce[6]&0x0f | 0x70 // version 7
	nonce[8] = nonce[8]&0x3f | 0x80 // the variant of RFC 9562
	return nonce, nil
}

// ID returns the UUID under which the token's single use is recorded.
func (n Nonce) ID() ID { return ID(n[:idLength]) }

// FirstNonceID returns an id that is below the nonce ids of all tokens that were issued at now or
// later, and above those of all earlier ones.
func FirstNonceID(now time.Time) ID {
	var id ID
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(max(now.UnixMilli(), 0)))
	copy(id[:6], millis[2:])
	return id
}

// TokenUse records which transaction used a card token. It never changes.
type TokenUse struct {
	Nonce         ID // of Nonce.ID
	TransactionID ID
	ExpiresAt     time.Time // of the token
	// StoredHash is the hash of a token that is stored (see StoredTokens); zero for other tokens.
	StoredHash [32]byte
}

// StoredTokens finds the card tokens that version 0.1.0 stored. They are good for 15 minutes, so
// version 0.3.0 can do without them: this port, StoredNonce, TokenUse.StoredHash, Keys.StoredTokens
// and the table card_tokens.
type StoredTokens interface {
	// StoredToken returns the token whose text has this SHA-256 hash; its nonce is StoredNonce.
	// Errors: ErrNotFound; fault.Unavailable when the store is away.
	StoredToken(ctx context.Context, hash [32]byte) (CardToken, error)
}

// StoredNonce returns the nonce of a stored token, which was issued without one. It is always the
// same for the same token.
func StoredNonce(hash [32]byte, expiresAt time.Time) Nonce {
	nonce := Nonce(hash[:len(Nonce{})])
	first := FirstNonceID(expiresAt.Add(-TokenLife))
	copy(nonce[:6], first[:6])
	return nonce
}
