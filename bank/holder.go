package bank

import (
	"context"
	"time"

	"codebank.dev/platform/auditlog"
)

// SealedHolder is the full name and the document of a customer, which only the vault can read.
type SealedHolder struct {
	CustomerID ID
	// DocumentLookup is the keyed hash of the document; no two customers have the same.
	DocumentLookup [32]byte
	Sealed         Sealed
	// RegisteredAt is in whole microseconds. RegisteredBy is the name of the operator that has registered the holder.
	RegisteredAt time.Time
	RegisteredBy string
}

// Holders keeps who customers are. fault.Unavailable as for Directory.
type Holders interface {
	// RegisterHolder stores a holder unless the customer has one, and returns the one that the customer has then. A
	// store that has an audit log appends record in the commit of a new holder. ErrRejected when another customer has
	// the document.
	RegisterHolder(ctx context.Context, holder SealedHolder, record auditlog.Record) (SealedHolder, error)
	// HolderOf returns the holder of a customer; ErrNotFound when there is none.
	HolderOf(ctx context.Context, customer ID) (SealedHolder, error)
}

// HolderVault seals what a holder is registered with.
type HolderVault interface {
	// SealText encrypts a text and binds it to its owner.
	SealText(text []byte, owner ID) (Sealed, error)
	// OpenText decrypts a text that SealText made for the same owner.
	OpenText(sealed Sealed, owner ID) ([]byte, error)
}

// PixKey is a key of an account, as the bank's copy has it.
type PixKey struct {
	// Kind is EMAIL, CPF, PHONE or RANDOM, and State PENDING or ACTIVE.
	Kind, Key, State string
	Account          ID
	// Digest is what the key counts for in the digest over the bank's keys; empty for a pending one.
	Digest    []byte
	CreatedAt time.Time
}

// PixKeys is the bank's copy of its keys. fault.Unavailable as for Directory.
type PixKeys interface {
	// PutPixKey stores a key, or replaces it.
	PutPixKey(ctx context.Context, key PixKey) error
	// DropPixKey deletes a key, if there is one.
	DropPixKey(ctx context.Context, kind, key string) error
	// PixKeysOf returns the keys of an account, or all when account is zero, in the order of their names.
	PixKeysOf(ctx context.Context, account ID) ([]PixKey, error)
}
