package directory

import "crypto/sha256"

// Digest is the exclusive or over what each active key of a bank counts for. The order of the keys makes no
// difference, and a key that is added and removed leaves nothing, so it is kept up in the commit of each change.
type Digest [sha256.Size]byte

// Xor returns the digest with another one added or, which is the same, removed.
func (d Digest) Xor(other Digest) Digest {
	for i := range d {
		d[i] ^= other[i]
	}
	return d
}

// Digester says what the keys of one bank count for. It is made of a secret that bank and hub share, so nobody else
// can find out by trying whether a bank has a key.
type Digester interface {
	// KeyID names the secret. When another one takes its place, all keys are summed up anew.
	KeyID() string
	// Digest returns what an entry counts for.
	Digest(entry *Entry) Digest
}

// Tally is the digest over a bank's active keys of one kind, with their number.
type Tally struct {
	Count  int64
	Digest Digest
}

// Add returns the tally with an entry more, or with one less.
func (t Tally) Add(digest Digest, count int64) Tally {
	return Tally{Count: t.Count + count, Digest: t.Digest.Xor(digest)}
}
