// Package signing signs access tokens with Ed25519. The keys lie in one file. A program that serves
// reads the file again when it changes, so keys are rotated without a restart.
//
//	signing.go  Ring: the keys of a running program
//	keyfile.go  the file
//	rotate.go   add, sign, retire
package signing

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"codebank.dev/platform/token"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// lookEvery is how often a running program looks whether the file has changed.
const lookEvery = time.Second

// Token is what an access token says.
type Token struct {
	Issuer, Audience     string
	Subject, Session, ID string
	Roles                []string
	IssuedAt, ExpiresAt  time.Time
}

// Ring has the keys of the key file. It is safe for concurrent use.
type Ring struct {
	path   string
	loaded atomic.Pointer[loaded]
}

var _ token.Keys = (*Ring)(nil)

// loaded are the keys of one state of the file.
type loaded struct {
	state  fs.FileInfo
	signer jose.Signer
	public token.KeySet
	jwks   []byte
	// since is since when the key signs.
	since time.Time
}

// Open reads the key file at path. Errors wrap ErrKeyFile or the error of the file system, and never
// repeat the content of the file.
func Open(path string) (*Ring, error) {
	r := &Ring{path: path}
	return r, r.load()
}

func (r *Ring) load() error {
	keys, state, err := readKeyFile(r.path)
	if err != nil {
		return err
	}
	next := &loaded{state: state, public: make(token.KeySet), since: keys.SignsSince}
	var set jose.JSONWebKeySet
	for _, key := range keys.Keys {
		private := ed25519.NewKeyFromSeed(key.Seed)
		public, _ := private.Public().(ed25519.PublicKey)
		next.public[key.ID] = public
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, KeyID: key.ID, Use: "sig", Algorithm: string(jose.EdDSA)})
		if key.ID != keys.Signs {
			continue
		}
		next.signer, err = jose.NewSigner(
			jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: key.ID}},
			(&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			return fmt.Errorf("signing: %w", err)
		}
	}
	if next.jwks, err = json.Marshal(set); err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	r.loaded.Store(next)
	return nil
}

// Run reads the file again when it changes, until ctx ends. A file that cannot be read is logged, and
// the keys before it hold.
func (r *Ring) Run(ctx context.Context, logger *slog.Logger) {
	var failed string
	for ticks := time.NewTicker(lookEvery); ; {
		select {
		case <-ctx.Done():
			ticks.Stop()
			return
		case <-ticks.C:
		}
		now, err := os.Stat(r.path)
		if before := r.loaded.Load().state; err == nil && os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size() {
			continue
		}
		if err == nil {
			err = r.load()
		}
		switch {
		case err == nil:
			failed = ""
			logger.InfoContext(ctx, "the signing keys were read again", "keys", len(r.loaded.Load().public))
		case err.Error() != failed:
			failed = err.Error()
			logger.ErrorContext(ctx, "the signing keys cannot be read; the ones before hold", "error", err)
		}
	}
}

// Key returns the public key with an id, or nil. The error is nil.
func (r *Ring) Key(ctx context.Context, id string) (ed25519.PublicKey, error) {
	return r.loaded.Load().public.Key(ctx, id)
}

// SignsSince returns since when the present key signs.
func (r *Ring) SignsSince() time.Time { return r.loaded.Load().since }

// JWKS returns the public keys as a JSON Web Key Set.
func (r *Ring) JWKS() []byte { return r.loaded.Load().jwks }

// Sign returns an access token (RFC 9068) in its text form.
func (r *Ring) Sign(t Token) (string, error) {
	issued := jwt.NewNumericDate(t.IssuedAt)
	claims := struct {
		jwt.Claims
		Session string   `json:"sid"`
		Roles   []string `json:"roles"`
	}{jwt.Claims{
		Issuer: t.Issuer, Audience: jwt.Audience{t.Audience}, Subject: t.Subject, ID: t.ID,
		IssuedAt: issued, NotBefore: issued, Expiry: jwt.NewNumericDate(t.ExpiresAt),
	}, t.Session, t.Roles}
	text, err := jwt.Signed(r.loaded.Load().signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return text, nil
}
