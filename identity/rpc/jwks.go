package rpc

import (
	"net/http"

	"codebank.dev/identity/signing"
)

// JWKSPath is where verifiers find the public keys.
const JWKSPath = "/.well-known/jwks.json"

// JWKS serves the public keys of access tokens as a JSON Web Key Set. It may be cached for a minute.
func JWKS(keys *signing.Ring) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=60")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(keys.JWKS())
	})
}
