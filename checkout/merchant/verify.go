package merchant

import (
	"context"
	"crypto/subtle"
	"errors"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
)

// ErrSecretRefused refuses a secret that is not one, or not any more. It says no more, whatever is wrong with it.
var ErrSecretRefused = fault.New(fault.Unauthenticated, "SECRET_REFUSED", "There is no such API secret, or it has been revoked.")

// Verifier finds out whose a secret is. Each secret is looked up in the store, so that a revoked one is refused by
// every replica from the commit on. It is safe for concurrent use.
type Verifier struct {
	Secrets Secrets
	Clock   checkout.Clock
}

// Verify returns the merchant whose a secret is. A text of any form costs one look-up, so that the time tells
// nothing about it. Errors: ErrSecretRefused; fault.Unavailable.
func (v *Verifier) Verify(ctx context.Context, text string) (principal.Principal, error) {
	mode, formed := ParseSecret(text)
	hash := HashOf(text)
	secret, stored, err := v.Secrets.FindSecret(ctx, hash, v.Clock.Now())
	if errors.Is(err, ErrNoSecret) {
		return principal.Principal{}, ErrSecretRefused
	}
	if err != nil {
		return principal.Principal{}, err
	}
	if subtle.ConstantTimeCompare(hash[:], stored[:]) != 1 || !formed || secret.Mode != mode {
		return principal.Principal{}, ErrSecretRefused
	}
	return principal.Principal{Kind: principal.Merchant, Name: secret.Merchant, Mode: mode.String()}, nil
}
