// Package hashing hashes passwords with argon2id (RFC 9106), a bounded number at once.
package hashing

import (
	"fmt"
	"sync/atomic"
	"time"

	"codebank.dev/platform/fault"
	"github.com/alexedwards/argon2id"
)

// AtOnce is how many hashes are made at once. Each takes Default.Memory.
const AtOnce = 2

// Params are the parameters of argon2id. A hash carries its own.
type Params = argon2id.Params

// Default returns the parameters of new hashes: 19 MiB, two passes, one lane, as OWASP's cheat sheet
// on password storage asks at least.
func Default() Params {
	return Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
}

// ErrBusy says that as many passwords as may be are being checked.
var ErrBusy = fault.New(fault.ResourceExhausted, "TOO_MANY_PASSWORD_CHECKS", "Too many passwords are being checked. Please try again.").After(time.Second)

// Hasher hashes passwords. It is safe for concurrent use.
type Hasher struct {
	params Params
	slots  chan struct{}
	// refused counts the slots that were not given.
	refused atomic.Int64
	// nobody is the hash that stands for that of an account that does not exist.
	nobody string
}

// New returns a Hasher that makes hashes with these parameters.
func New(params Params) (*Hasher, error) {
	nobody, err := argon2id.CreateHash("the password of nobody", &params)
	if err != nil {
		return nil, fmt.Errorf("hashing: %w", err)
	}
	return &Hasher{params: params, slots: make(chan struct{}, AtOnce), nobody: nobody}, nil
}

// Slot is the right to hash, one hash after another.
type Slot struct{ hasher *Hasher }

// Acquire returns a slot, which must be released. It does not wait: ErrBusy if all are taken.
func (h *Hasher) Acquire() (Slot, error) {
	select {
	case h.slots <- struct{}{}:
		return Slot{h}, nil
	default:
		h.refused.Add(1)
		return Slot{}, ErrBusy
	}
}

// Refused returns how often Acquire has answered ErrBusy.
func (h *Hasher) Refused() int64 { return h.refused.Load() }

// Release gives the slot back.
func (s Slot) Release() { <-s.hasher.slots }

// Hash returns the hash of a password, with a new salt and the parameters in it.
func (s Slot) Hash(password string) (string, error) {
	hash, err := argon2id.CreateHash(password, &s.hasher.params)
	if err != nil {
		return "", fmt.Errorf("hashing: %w", err)
	}
	return hash, nil
}

// Verify reports whether a hash is that of a password, and whether it was made with other parameters
// than new ones. For the hash "" of an account that does not exist it works as long and is false.
func (s Slot) Verify(password, hash string) (match, outdated bool, err error) {
	exists := hash != ""
	if !exists {
		hash = s.hasher.nobody
	}
	match, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("hashing: a stored hash cannot be read: %w", err)
	}
	return match && exists, *params != s.hasher.params, nil
}
