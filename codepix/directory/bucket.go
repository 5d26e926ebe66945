package directory

import "time"

// Token is one token in the unit of a Level: its refill is exact to the microsecond.
const Token = 1_000_000

// Rate is how many tokens a bucket has at most, and how many flow in a minute.
type Rate struct{ Most, PerMinute int64 }

// The rates of the directory of the central bank.
const (
	DefaultCustomerTokens, DefaultCustomerRefill = 100, 2
	DefaultBankTokens, DefaultBankRefill         = 50_000, 25_000
)

// What a look-up costs, in tokens. Who tries keys runs out of tokens after five that nobody has. Who looks up whom he
// pays gets his token back with the payment.
const (
	HitCost          = 1
	CustomerMissCost = 20
	BankMissCost     = 3
	PaymentReturns   = 1
)

// BucketName names the bucket of a customer of a bank or, with an empty customer, of the bank itself.
type BucketName struct{ BankCode, Customer string }

// Bucket is how many tokens were left at a time. It may be less than none: then the rest is owed.
type Bucket struct {
	Level int64 // in parts of a Token
	At    time.Time
}

// microsecondsPerMinute is what Rate.PerMinute is divided by.
const microsecondsPerMinute = 60_000_000

// Full returns a bucket that nobody has taken from.
func (r Rate) Full(now time.Time) Bucket { return Bucket{Level: r.Most * Token, At: now} }

// Refilled returns the bucket as it is at a later time. An earlier one changes nothing.
func (r Rate) Refilled(b Bucket, now time.Time) Bucket {
	if !now.After(b.At) {
		return b
	}
	flown := now.Sub(b.At).Microseconds()
	// Beyond the time in which the bucket is full the product might not fit.
	if b.Level >= r.Most*Token || flown >= r.fills(r.Most*Token-b.Level).Microseconds() {
		return r.Full(now)
	}
	return Bucket{Level: b.Level + flown*r.PerMinute/(microsecondsPerMinute/Token), At: now}
}

// Taken returns the bucket with so much taken at a time, or, below zero, put back. It is never more than full.
func (r Rate) Taken(b Bucket, level int64, now time.Time) Bucket {
	b = r.Refilled(b, now)
	b.Level = min(b.Level-level, r.Most*Token)
	return b
}

// fills returns how long so much takes to flow in.
func (r Rate) fills(level int64) time.Duration {
	const perMicro = microsecondsPerMinute / Token
	return time.Duration((level*perMicro+r.PerMinute-1)/r.PerMinute) * time.Microsecond
}

// FullAt returns when a bucket is full again.
func (r Rate) FullAt(b Bucket) time.Time { return b.At.Add(r.fills(r.Most*Token - b.Level)) }
