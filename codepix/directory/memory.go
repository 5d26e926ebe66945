package directory

import (
	"maps"
	"time"

	"codebank.dev/codepix/key"
)

const (
	// rememberFor bounds how old the answer of a look-up may be, from when it was read.
	rememberFor = time.Second
	// maxRemembered bounds the memory; what is more is read again.
	maxRemembered = 10_000
)

// memory holds what look-ups have read, for rememberFor: who has a key, and what was in a bucket. That nobody has a key
// is never remembered. What changes here is forgotten before the change is answered; what changes at another replica is
// known here after rememberFor. It is not safe for concurrent use.
type memory struct {
	keys    map[key.Key]remembered[Entry]
	buckets map[BucketName]remembered[*Bucket]
	// changes counts what was changed here. What was read while something changed may be what was before, so it is not
	// remembered.
	changes uint64
}

// remembered is a value with when it began to be read.
type remembered[T any] struct {
	value T
	at    time.Time
}

// fresh reports whether it may still be used. A clock that goes back makes it old.
func (r *remembered[T]) fresh(now time.Time) bool {
	age := now.Sub(r.at)
	return age >= 0 && age < rememberFor
}

func newMemory() memory {
	return memory{keys: map[key.Key]remembered[Entry]{}, buckets: map[BucketName]remembered[*Bucket]{}}
}

// recall returns what a look-up would read. ok is false unless all of it is known: a key that somebody has, and the
// buckets of these names.
func (m *memory) recall(wanted key.Key, names []BucketName, now time.Time) (found Found, ok bool) {
	entry, known := m.keys[wanted]
	if !known || !entry.fresh(now) {
		return Found{}, false
	}
	found.Active = &entry.value
	for _, name := range names {
		bucket, known := m.buckets[name]
		if !known || !bucket.fresh(now) {
			return Found{}, false
		}
		*found.bucket(name) = bucket.value
	}
	return found, true
}

// remember keeps what a look-up has read that began at a time, when so many changes were made.
func (m *memory) remember(wanted key.Key, names []BucketName, found *Found, began moment) {
	if began.changes != m.changes || found.Active == nil {
		return
	}
	bound(m.keys)
	m.keys[wanted] = remembered[Entry]{*found.Active, began.at}
	for _, name := range names {
		bound(m.buckets)
		m.buckets[name] = remembered[*Bucket]{*found.bucket(name), began.at}
	}
}

// moment is when a read begins: a time, and how many changes were made here before.
type moment struct {
	at      time.Time
	changes uint64
}

// forgetKey is called when a change of a key has ended, however it did.
func (m *memory) forgetKey(changed key.Key) {
	m.changes++
	delete(m.keys, changed)
}

// spent is called when tokens were taken from a bucket in the store. A bucket that is remembered is then the one after;
// it is not younger for that, so what other replicas take is known in time.
func (m *memory) spent(name BucketName, after Bucket) {
	m.changes++
	if known, ok := m.buckets[name]; ok {
		known.value = &after
		m.buckets[name] = known
	}
}

// sweep forgets what is old.
func (m *memory) sweep(now time.Time) {
	maps.DeleteFunc(m.keys, func(_ key.Key, r remembered[Entry]) bool { return !r.fresh(now) })
	maps.DeleteFunc(m.buckets, func(_ BucketName, r remembered[*Bucket]) bool { return !r.fresh(now) })
}

// bound empties a map that is full.
func bound[K comparable, V any](of map[K]V) {
	if len(of) >= maxRemembered {
		clear(of)
	}
}
