// Package hashing hashes passwords with argon2id (RFC 9106), a bounded number at once. Callers wait for
// their turn in a bounded queue (queue.go), in which no network keeps the others from theirs.
package hashing

import (
	"context"
	"fmt"
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

// ErrBusy says that no slot was free in time.
var ErrBusy = fault.New(fault.ResourceExhausted, "TOO_MANY_PASSWORD_CHECKS", "Too many passwords are being checked. Please try again.").After(time.Second)

// Hasher hashes passwords. It is safe for concurrent use.
type Hasher struct {
	params Params
	queue  queue
	// nobody is the hash that stands for that of an account that does not exist.
	nobody string
}

// New returns a Hasher that makes hashes with these parameters.
func New(params Params) (*Hasher, error) {
	nobody, err := argon2id.CreateHash("the password of nobody", &params)
	if err != nil {
		return nil, fmt.Errorf("hashing: %w", err)
	}
	return &Hasher{params: params, nobody: nobody}, nil
}

// Slot is the right to hash, one hash after another.
type Slot struct {
	hasher *Hasher
	caller Caller
}

// Acquire returns a slot, which must be released once. It waits for one, MaxWait at most and within the
// deadline of ctx. ErrBusy if there was none by then, or at once if too many wait.
func (h *Hasher) Acquire(ctx context.Context, caller Caller) (Slot, error) {
	if !h.queue.acquire(ctx, caller) {
		return Slot{}, ErrBusy
	}
	return Slot{h, caller}, nil
}

// Refused returns how often Acquire has answered ErrBusy.
func (h *Hasher) Refused() int64 {
	h.queue.mutex.Lock()
	defer h.queue.mutex.Unlock()
	return h.queue.refused
}

// Waiting returns how many callers wait for a slot.
func (h *Hasher) Waiting() int {
	h.queue.mutex.Lock()
	defer h.queue.mutex.Unlock()
	return len(h.queue.waiting[knownLine]) + len(h.queue.waiting[strangerLine])
}

// Release gives the slot back.
func (s Slot) Release() { s.hasher.queue.release(s.caller) }

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
