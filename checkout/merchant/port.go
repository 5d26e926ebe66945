package merchant

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/id"
)

// Every method of the ports below fails with fault.Unavailable when the store is away or the outcome of a commit is
// unknown, and is safe for concurrent use. Methods with a checkout.Act do it once, and fail with
// checkout.ErrActReused. For an actor who does not act for a merchant there is none: checkout.ErrNoMerchant.

// Merchants stores merchants.
type Merchants interface {
	// Create stores a new merchant. checkout.ErrSlugTaken.
	CreateMerchant(ctx context.Context, act checkout.Act, merchant checkout.Merchant) (checkout.Merchant, error)
	// ChangeMerchant applies change and stores the result. When change fails nothing is stored, and the error is
	// that of change. change may be called more than once; it must be pure.
	ChangeMerchant(ctx context.Context, act checkout.Act, slug string, change func(checkout.Merchant) (checkout.Merchant, error)) (checkout.Merchant, error)
	// Merchant returns a merchant.
	Merchant(ctx context.Context, by checkout.Actor, slug string) (checkout.Merchant, error)
	// Merchants returns up to limit merchants that the actor acts for, whose slug comes after the given one, in
	// the order of the slugs' bytes.
	Merchants(ctx context.Context, by checkout.Actor, after string, limit int) ([]checkout.Merchant, error)
}

// Stores says which stores somebody acts for.
type Stores interface {
	// StoresFor returns the slugs of the stores of all merchants that the actor acts for, in the order of their bytes,
	// up to a thousand.
	StoresFor(ctx context.Context, by checkout.Actor) ([]string, error)
}

// Members stores which users act for a merchant.
type Members interface {
	// AddMember makes a user a member. It is no error if he is one.
	AddMember(ctx context.Context, act checkout.Act, slug string, user id.ID) (Member, error)
	// RemoveMember makes a user a member no more. It is no error if he is none.
	RemoveMember(ctx context.Context, act checkout.Act, slug string, user id.ID) error
	// Members returns up to limit members whose id comes after the given one, in the order of the ids' bytes.
	Members(ctx context.Context, by checkout.Actor, slug string, page Page) ([]Member, error)
}

// Page is a part of a list: up to Limit entries after an id.
type Page struct {
	After id.ID
	Limit int
}

// Secrets stores the hashes of secrets.
type Secrets interface {
	// CreateSecret stores a new secret. ErrTwoSecrets if two of its mode are live. A repeat returns the first
	// secret, whose text nobody can tell any more.
	CreateSecret(ctx context.Context, act checkout.Act, secret Secret, hash Hash) (Secret, error)
	// RevokeSecret ends a secret at the time of the act, for good. ErrNoSecret. It is no error if it has ended.
	RevokeSecret(ctx context.Context, act checkout.Act, slug string, secret id.ID) (Secret, error)
	// Secrets returns the secrets of a merchant, the newest first, at most MaxListed of them.
	Secrets(ctx context.Context, by checkout.Actor, slug string) ([]Secret, error)
	// FindSecret returns the live secret with a hash, and the hash that is stored; ErrNoSecret when there is
	// none. It stores at most once a day that the secret was used.
	FindSecret(ctx context.Context, hash Hash, now time.Time) (Secret, Hash, error)
}

// Store is everything that is stored of merchants.
type Store interface {
	Merchants
	Members
	Secrets
}
