package bank

import (
	"slices"
	"time"

	"codebank.dev/platform/pan"
)

// The rule against guessing card data: this many wrong attempts within the window lock a card for
// the lock time.
const (
	WrongAttemptsToLock = 5
	WrongAttemptWindow  = 15 * time.Minute
	LockTime            = 15 * time.Minute
)

// CardSnapshot is what everybody may see of a card, in events, statements and logs.
type CardSnapshot struct {
	ID    ID
	Brand pan.Brand
	BIN   string // first six digits; empty when only the last four are known
	Last4 string
}

// Card is the state of a card. Its number is not part of it: only the vault can read it. A card
// changes only together with its account, whose lock or version guards it.
type Card struct {
	CardSnapshot
	AccountID  ID
	HolderName string
	Expiry     pan.Expiry
	Blocks     Blocks
	// WrongAt holds the times of the last wrong attempts, oldest first, at most
	// WrongAttemptsToLock of them.
	WrongAt     []time.Time
	LockedUntil time.Time // zero when never locked
	Rules       PurchaseRules
	Frequency   Frequency
	IssuedAt    time.Time
	// Used is set by the first approved purchase and never taken back.
	Used bool
}

// Blocks are the sides that block a card. The numbers are stored: append only.
type Blocks uint8

// The sides. Each lifts only its own block.
const (
	BlockedByBank Blocks = 1 << iota
	BlockedByHolder
)

// Has reports whether a side blocks the card.
func (b Blocks) Has(side Blocks) bool { return b&side != 0 }

// With returns the blocks after a side has set its own, or has lifted it.
func (b Blocks) With(side Blocks, blocked bool) Blocks {
	if blocked {
		return b | side
	}
	return b &^ side
}

// IsBlocked reports whether a side blocks the card.
func (c *Card) IsBlocked() bool { return c.Blocks != 0 }

// Use returns what the next purchase with the card is: its first use or a later one.
func (c *Card) Use() CardUse {
	if c.Used {
		return LaterUse
	}
	return FirstUse
}

// PurchaseRules is what a card allows for each purchase. A 0 switches a rule off.
type PurchaseRules struct {
	Limit     int64 // largest amount of one purchase, minor units
	Minimum   int64 // smallest amount of one purchase, minor units
	PerMinute int32 // purchases a minute
}

// IsLocked reports whether wrong attempts keep the card locked at now.
func (c *Card) IsLocked(now time.Time) bool { return now.Before(c.LockedUntil) }

// AfterWrongAttempt returns the card after one more wrong attempt at now. The fifth attempt within
// the window locks the card and starts the count again.
func (c Card) AfterWrongAttempt(now time.Time) Card {
	attempts := make([]time.Time, 0, WrongAttemptsToLock)
	for _, at := range c.WrongAt {
		if now.Sub(at) < WrongAttemptWindow {
			attempts = append(attempts, at)
		}
	}
	c.WrongAt = append(attempts, now)
	if len(c.WrongAt) >= WrongAttemptsToLock {
		c.WrongAt, c.LockedUntil = nil, now.Add(LockTime)
	}
	return c
}

// Equal reports whether two cards are the same in every field.
func (c *Card) Equal(other *Card) bool {
	a, b := *c, *other
	if !slices.EqualFunc(a.WrongAt, b.WrongAt, time.Time.Equal) {
		return false
	}
	a.WrongAt, b.WrongAt = nil, nil
	return a.CardSnapshot == b.CardSnapshot && a.AccountID == b.AccountID && a.HolderName == b.HolderName &&
		a.Expiry == b.Expiry && a.Blocks == b.Blocks && a.LockedUntil.Equal(b.LockedUntil) &&
		a.Rules == b.Rules && a.Frequency.Level == b.Frequency.Level &&
		a.Frequency.At.Equal(b.Frequency.At) && a.IssuedAt.Equal(b.IssuedAt) && a.Used == b.Used
}

// costPerPurchase is how much one purchase takes from the bucket. With this unit a bucket of n
// purchases a minute gains n units a millisecond, so all numbers are whole.
const costPerPurchase = 60_000

// Frequency is a token bucket in the card's row. The zero Frequency is a full bucket.
type Frequency struct {
	// Level is the level of the bucket at the time At, in units of 1/60,000 purchase.
	Level int64
	At    time.Time
}

// Take returns the bucket after one purchase at now, and whether the bucket held enough. perMinute
// is both the capacity and the refill per minute; 0 means no limit.
func (f Frequency) Take(perMinute int32, now time.Time) (Frequency, bool) {
	if perMinute <= 0 {
		return f, true
	}
	capacity := int64(perMinute) * costPerPurchase
	level := capacity
	if !f.At.IsZero() {
		elapsed := min(max(now.Sub(f.At).Milliseconds(), 0), 60_000)
		level = min(capacity, f.Level+elapsed*int64(perMinute))
	}
	if level < costPerPurchase {
		return f, false
	}
	return Frequency{Level: level - costPerPurchase, At: now}, true
}
