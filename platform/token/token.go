// Package token verifies access tokens: JWTs signed with Ed25519, of the type at+jwt (RFC
// 9068). It takes issuer, audience and keys from settings, so that any provider that signs
// such tokens can stand in for the program identity. A map of the package:
//
//	token.go     Verifier: what a token must be
//	form.go      the form of a token, checked before anything is decoded
//	keys.go      the keys of a provider, as a JSON Web Key Set (RFC 7517)
//	source.go    a key set in a file or behind a URL that is read again
//	ended.go     sessions that have ended before their tokens expired
//	watch.go     hears of them from the program identity
//	bearer.go    the token of a call
//	settings.go  the flags of a program that verifies tokens
//
// No error of this package repeats a token or a part of one.
package token

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"codebank.dev/platform/cache"
	"codebank.dev/platform/fault"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// MaxLifetime is the longest life of an access token. One that claims more is refused.
	MaxLifetime = 15 * time.Minute
	// DefaultLeeway is how far the clocks of provider and verifier may differ.
	DefaultLeeway = 30 * time.Second
	// cachedTokens is the size of each of the two generations of verified tokens.
	cachedTokens = 4096
	// maxRoles and maxClaim bound what a token may claim.
	maxRoles = 16
	maxClaim = 255
)

// The refusals. Which check a token failed is in their cause, for the log.
var (
	// ErrMissing says that a call has no token, or more than one.
	ErrMissing = fault.New(fault.Unauthenticated, "TOKEN_MISSING", "This call needs one access token, in the header Authorization: Bearer.")
	// ErrInvalid says that a token is not one of the issuer for this audience.
	ErrInvalid = fault.New(fault.Unauthenticated, "TOKEN_INVALID", "The access token is not valid here.")
	// ErrExpired says that a token was valid.
	ErrExpired = fault.New(fault.Unauthenticated, "TOKEN_EXPIRED", "The access token has expired. Refresh the session.")
	// ErrEnded says that the session of a token has ended.
	ErrEnded = fault.New(fault.Unauthenticated, "SESSION_ENDED", "The session has ended. Sign in again.")
)

// Claims are what a verified token says.
type Claims struct {
	// Subject is the user and Session the sign-in: UUIDs, if the program identity is the issuer.
	Subject, Session string
	// ID is the token's own id.
	ID string
	// Roles are what the user is to the system, for example customer.
	Roles     []string
	IssuedAt  time.Time
	ExpiresAt time.Time
}

// HasRole reports whether the token claims a role.
func (c *Claims) HasRole(role string) bool { return slices.Contains(c.Roles, role) }

// Keys are the keys of an issuer. It is safe for concurrent use.
type Keys interface {
	// Key returns the key with an id. It is nil if the issuer has no such key now. The error is
	// a fault.Unavailable if no keys are known at all.
	Key(ctx context.Context, id string) (ed25519.PublicKey, error)
}

// Config says which tokens a Verifier takes. Issuer, Audience and Keys are required.
type Config struct {
	// Issuer and Audience are the claims iss and aud, compared byte by byte. A token may have
	// more audiences.
	Issuer, Audience string
	Keys             Keys
	// Ended are the sessions that have ended. Nil: no session ends before its tokens expire.
	Ended *Ended
	// Leeway is how far the clocks may differ; 0 means DefaultLeeway.
	Leeway time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verifier verifies tokens. It is safe for concurrent use.
type Verifier struct {
	config   Config
	verified *cache.Map[[sha256.Size]byte, *verified]
}

// verified is a token that was right when it came.
type verified struct {
	Claims
	keyID string
	key   ed25519.PublicKey
}

// NewVerifier returns a Verifier. It is an error if the config lacks something.
func NewVerifier(config Config) (*Verifier, error) {
	if config.Issuer == "" || config.Audience == "" || config.Keys == nil {
		return nil, errors.New("token: a verifier needs an issuer, an audience and keys")
	}
	if config.Leeway <= 0 {
		config.Leeway = DefaultLeeway
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Verifier{config, cache.New[[sha256.Size]byte, *verified](cachedTokens)}, nil
}

// Verify returns the claims of a token, which the caller must not change. A token that was
// verified before is not verified again, but its key must still be one of the issuer's, it must
// not have expired, and its session must not have ended. Errors: ErrInvalid, ErrExpired,
// ErrEnded, and the Unavailable of Keys.
func (v *Verifier) Verify(ctx context.Context, text string) (*Claims, error) {
	if len(text) > MaxBytes {
		return nil, ErrInvalid.Wrap(errForm)
	}
	hash := sha256.Sum256([]byte(text))
	known, ok := v.verified.Get(hash)
	if ok {
		key, err := v.config.Keys.Key(ctx, known.keyID)
		if err != nil {
			return nil, err
		}
		if !known.key.Equal(key) {
			v.verified.Delete(hash)
			return nil, ErrInvalid.Wrap(errKey)
		}
	} else {
		var err error
		if known, err = v.check(ctx, text); err != nil {
			return nil, err
		}
	}
	if !v.config.Now().Before(known.ExpiresAt.Add(v.config.Leeway)) {
		v.verified.Delete(hash)
		return nil, ErrExpired
	}
	if v.config.Ended.Has(known.Session) {
		return nil, ErrEnded
	}
	if !ok {
		v.verified.Put(hash, known)
	}
	return &known.Claims, nil
}

// Why a token is ErrInvalid.
var (
	errForm      = errors.New("token: not three parts of base64url")
	errHeader    = errors.New("token: not a header of at+jwt with EdDSA and one key id")
	errKey       = errors.New("token: the issuer has no such key")
	errSignature = errors.New("token: the signature is not of that key")
	errClaims    = errors.New("token: claims are missing or too long")
	errIssuer    = errors.New("token: of another issuer, or for another audience")
	errTimes     = errors.New("token: not valid yet, or valid for too long")
)

// check verifies a token's form, header, signature and claims, but not whether it has expired.
func (v *Verifier) check(ctx context.Context, text string) (*verified, error) {
	if !wellFormed(text) {
		return nil, ErrInvalid.Wrap(errForm)
	}
	// The list of algorithms is the whole list: neither "none" nor an HMAC is decoded.
	signed, err := jose.ParseSignedCompact(text, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, ErrInvalid.Wrap(errHeader) // The library's error may repeat a part of the token.
	}
	id, ok := keyID(signed)
	if !ok {
		return nil, ErrInvalid.Wrap(errHeader)
	}
	key, err := v.config.Keys.Key(ctx, id)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, ErrInvalid.Wrap(errKey)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, ErrInvalid.Wrap(errSignature)
	}
	claims, err := v.parseClaims(payload)
	if err != nil {
		return nil, ErrInvalid.Wrap(err)
	}
	return &verified{*claims, id, key}, nil
}

// parseClaims reads the claims of a token whose signature is right.
func (v *Verifier) parseClaims(payload []byte) (*Claims, error) {
	var raw struct {
		jwt.Claims
		Session string   `json:"sid"`
		Roles   []string `json:"roles"`
	}
	if err := json.Unmarshal(payload, &raw); err != nil || raw.IssuedAt == nil || raw.Expiry == nil || len(raw.Roles) > maxRoles {
		return nil, errClaims
	}
	for _, claim := range append([]string{raw.Subject, raw.Session, raw.ID}, raw.Roles...) {
		if claim == "" || len(claim) > maxClaim {
			return nil, errClaims
		}
	}
	if raw.Issuer != v.config.Issuer || !raw.Audience.Contains(v.config.Audience) {
		return nil, errIssuer
	}
	claims := &Claims{
		Subject: raw.Subject, Session: raw.Session, ID: raw.ID, Roles: raw.Roles,
		IssuedAt: raw.IssuedAt.Time(), ExpiresAt: raw.Expiry.Time(),
	}
	latest := v.config.Now().Add(v.config.Leeway)
	early := claims.IssuedAt.After(latest) || raw.NotBefore != nil && raw.NotBefore.Time().After(latest)
	// The lifetime is compared by adding, because a difference of far times overflows.
	if early || claims.ExpiresAt.After(claims.IssuedAt.Add(MaxLifetime)) {
		return nil, errTimes
	}
	return claims, nil
}
