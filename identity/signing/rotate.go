package signing

import (
	"os"
	"time"

	"codebank.dev/platform/failpoint"
)

// Waits are the least times between the steps of a rotation.
type Waits struct {
	// Publish is how long a new key is in the key set before it signs: until every verifier has read
	// the set again, and every replica the file.
	Publish time.Duration
	// Retire is how long a key stays in the set after it has signed last: until its last token has
	// expired.
	Retire time.Duration
}

// DefaultWaits are for verifiers that read the key set every minute, and tokens that live 15 minutes.
func DefaultWaits() Waits { return Waits{Publish: 2 * time.Minute, Retire: 16 * time.Minute} }

// Did is what a step of a rotation did.
type Did string

// The steps.
const (
	// Added: a new key is in the key set. It signs nothing yet.
	Added Did = "added"
	// Signing: the new key signs.
	Signing Did = "signing"
	// Retired: the old key is gone. The rotation is complete.
	Retired Did = "retired"
	// Waiting: it is too early for the next step.
	Waiting Did = "waiting"
)

// Step is what Rotate did.
type Step struct {
	Did Did
	// Key is the id of the key that was added, signs or is retired.
	Key string
	// Wait is how long to wait before the next step; 0 when the rotation is complete.
	Wait time.Duration
}

// Rotate does the next step of a rotation of the keys at path, if it is not too early: it adds a key,
// lets it sign, or retires the one before. Three steps are a rotation, during which no token is refused.
// A program that runs takes each step over within a second or two. hook is called at the points between
// durable steps; nil for none. Errors are those of Open.
func Rotate(path string, now time.Time, waits Waits, hook failpoint.Hook) (Step, error) {
	keys, _, err := readKeyFile(path)
	if err != nil {
		return Step{}, err
	}
	step := keys.next(now, waits)
	if step.Did == Waiting {
		return step, nil
	}
	return step, writeKeyFile(path, keys, hook, os.Rename)
}

// next does the next step on the keys.
func (k *keyFile) next(now time.Time, waits Waits) Step {
	newest := k.Keys[len(k.Keys)-1]
	switch {
	case len(k.Keys) < maxKeys:
		key := newKey(now)
		k.Keys = append(k.Keys, key)
		return Step{Added, key.ID, waits.Publish}
	case k.Signs != newest.ID:
		if wait := newest.AddedAt.Add(waits.Publish).Sub(now); wait > 0 {
			return Step{Waiting, newest.ID, wait}
		}
		k.Signs, k.SignsSince = newest.ID, now.UTC().Truncate(time.Second)
		return Step{Signing, newest.ID, waits.Retire}
	default:
		oldest := k.Keys[0]
		if wait := k.SignsSince.Add(waits.Retire).Sub(now); wait > 0 {
			return Step{Waiting, oldest.ID, wait}
		}
		k.Keys = k.Keys[1:]
		return Step{Retired, oldest.ID, 0}
	}
}
