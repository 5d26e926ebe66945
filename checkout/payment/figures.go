package payment

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Figure is what statistics count. The numbers are stored: append only.
type Figure uint8

// The figures. Each counts what happened, in the hour in which it happened.
const (
	// CountApproved are decisions that took the money at once, CountAuthorized those that set it aside.
	CountApproved Figure = iota + 1
	CountAuthorized
	CountRejected
	// CountCaptured are captures of what was set aside before, with the amount that was captured.
	CountCaptured
	CountVoided
	CountExpired
	CountRefunded
	// PaidOut is of movements only: a payout is no charge.
	PaidOut
)

var figures = [...]string{"UNSPECIFIED", "APPROVED", "AUTHORIZED", "REJECTED", "CAPTURED", "VOIDED", "EXPIRED", "REFUNDED", "PAID_OUT"}

// String returns the figure as the wire names it.
func (f Figure) String() string { return nameOf(figures[:], int(f)) }

// Count is a line of the statistics of an owner.
type Count struct {
	// Start is the beginning of the hour or the day that is counted, in UTC.
	Start    time.Time
	Currency money.Currency
	Figure   Figure
	// Reason is the reason of rejections; empty for every other figure.
	Reason string
	// Count is how often it happened, AmountMinor with what amount in all. An amount that does not fit 64 bits is the
	// largest that does.
	Count, AmountMinor int64
}

// Span is the time that statistics are about.
type Span struct {
	// From is inclusive, To exclusive.
	From, To time.Time
	// ByDay adds the hours of a day (UTC) up.
	ByDay bool
}

// Balance is what an owner was paid, gave back and was paid out in a currency, in minor units.
type Balance struct {
	Currency           money.Currency
	Captured, Refunded int64
	// Reserved is the amount of refunds that are accepted and not decided.
	Reserved int64
	// PaidOut is what went to the owner's account, PayingOut the amount of payouts that are accepted and not decided.
	PaidOut, PayingOut int64
}

// Left is what the bank still owes the owner. It is less than zero if more was given back after a payout than is there.
func (b *Balance) Left() int64 { return b.Captured - b.Refunded - b.PaidOut }

// Available is what may be paid out: what is left, without refunds and payouts that are not decided.
func (b *Balance) Available() int64 { return b.Left() - b.Reserved - b.PayingOut }

// Movement is one change of a balance: what was captured, what was given back, or what was paid out.
type Movement struct {
	// Sequence is that of the event; 0 of a payout, which is no event of a charge.
	Sequence int64
	At       time.Time
	// Charge is zero of a payout.
	Charge id.ID
	// Operation is zero if the decision itself took the money.
	Operation id.ID
	// Payout is zero unless the movement is a payout.
	Payout id.ID
	// Figure is CountApproved, CountCaptured, CountRefunded or PaidOut.
	Figure Figure
	// Amount is more than zero if the merchant was paid, and less if he gave back or was paid out.
	Amount money.Amount
	// Description is what the merchant wrote about the charge.
	Description string
}

// MovementQuery asks for a part of an owner's movements, the oldest first.
type MovementQuery struct {
	// From is inclusive, To exclusive.
	From, To time.Time
	// After is the last movement of the page before; nil for the first page.
	After *Movement
	// Size is how many to return at most.
	Size int
}

// Figures are the figures of owners. They are written in the commit of the change that they count. It is safe for
// concurrent use.
type Figures interface {
	// Statistics returns what happened within a span, in the order of time. Hours and days in which nothing happened
	// are not there.
	Statistics(ctx context.Context, owner Owner, span Span) ([]Count, error)
	// Balances returns a balance for each currency in which the owner was paid, by their codes.
	Balances(ctx context.Context, owner Owner) ([]Balance, error)
	// Movements returns a page of movements in the order of time. All of them together are the balance: what was
	// captured less what was refunded and what was paid out.
	Movements(ctx context.Context, owner Owner, query MovementQuery) ([]Movement, error)
}

// figure returns what statistics count of a change, and its amount; 0 if it is nothing.
func (c *Change) figure() (Figure, int64) {
	switch {
	case c.Event.Kind == ChargeDecided:
		return map[State]Figure{Approved: CountApproved, Authorized: CountAuthorized, Rejected: CountRejected}[c.Event.State], c.Charge.Amount.Minor
	case c.Event.Kind == OperationEnded && c.Operation.Outcome == Done:
		return map[Kind]Figure{Capture: CountCaptured, Void: CountVoided, Refund: CountRefunded}[c.Operation.Kind], c.Operation.Amount.Minor
	case c.Event.Kind > OperationEnded && c.Event.State == Expired:
		return CountExpired, c.Charge.Amount.Minor
	}
	return 0, 0
}

// Movement returns what a change moves, or false if it is nothing.
func (c *Change) Movement() (Movement, bool) {
	figure, minor := c.figure()
	if figure == CountRefunded {
		minor = -minor
	}
	return Movement{
		Sequence: c.Event.Sequence, At: c.Event.At, Charge: c.Charge.ID, Operation: c.Event.Operation, Figure: figure,
		Amount: money.Amount{Minor: minor, Currency: c.Charge.Amount.Currency}, Description: c.Charge.Description,
	}, figure == CountApproved || figure == CountCaptured || figure == CountRefunded
}

// Count returns what a change counts, or false if it is nothing.
func (c *Change) Count() (Count, bool) {
	figure, minor := c.figure()
	one := Count{
		Start: c.Event.At.UTC().Truncate(time.Hour), Currency: c.Charge.Amount.Currency, Figure: figure, Count: 1, AmountMinor: minor,
	}
	if figure == CountRejected {
		one.Reason = c.Charge.Rejection.Reason
	}
	return one, figure != 0
}

// MergeCounts adds counts of the same line up, and sorts them.
func MergeCounts(counts []Count) []Count {
	slices.SortFunc(counts, compareCounts)
	merged := counts[:0]
	for i := range counts {
		if last := len(merged) - 1; last >= 0 && compareCounts(merged[last], counts[i]) == 0 {
			merged[last].Count += counts[i].Count
			merged[last].AmountMinor = Sum(merged[last].AmountMinor, counts[i].AmountMinor)
			continue
		}
		merged = append(merged, counts[i])
	}
	return merged
}

func compareCounts(a, b Count) int {
	return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Currency.String(), b.Currency.String()), cmp.Compare(a.Figure, b.Figure),
		cmp.Compare(a.Reason, b.Reason))
}

// Compare compares the places of two movements in the order of time. Payouts of a moment come before events of it.
func (m *Movement) Compare(other *Movement) int {
	return cmp.Or(m.At.Compare(other.At), cmp.Compare(m.Sequence, other.Sequence), bytes.Compare(m.Payout[:], other.Payout[:]))
}

// Sum adds two amounts that are not negative, and returns the largest number if the sum does not fit. Anybody may ask
// for the largest amount again and again and be rejected, so it need not fit.
func Sum(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Balanced is what changes do to the balances of one owner, by currency.
type Balanced map[money.Currency]Balance

// Add counts a change.
func (b Balanced) Add(c *Change) {
	currency := c.Charge.Amount.Currency
	movement, moves := c.Movement()
	if !moves && c.Operation.Kind != Refund {
		return
	}
	balance := b[currency]
	balance.Currency = currency
	if moves {
		if movement.Amount.Minor > 0 {
			balance.Captured += movement.Amount.Minor
		} else {
			balance.Refunded -= movement.Amount.Minor
		}
	}
	if c.Operation.Kind == Refund {
		switch c.Event.Kind {
		case OperationAccepted:
			balance.Reserved += c.Operation.Amount.Minor
		case OperationEnded:
			balance.Reserved -= c.Operation.Amount.Minor
		}
	}
	b[currency] = balance
}

// AddPayout counts that a payout was accepted or, as it is now, has ended.
func (b Balanced) AddPayout(p *Payout) {
	balance := b[p.Amount.Currency]
	balance.Currency = p.Amount.Currency
	switch p.State {
	case PayoutPending:
		balance.PayingOut += p.Amount.Minor
	case PayoutPaid:
		balance.PayingOut -= p.Amount.Minor
		balance.PaidOut += p.Amount.Minor
	case PayoutFailed:
		balance.PayingOut -= p.Amount.Minor
	}
	b[p.Amount.Currency] = balance
}

// Sorted returns the balances by the codes of their currencies.
func (b Balanced) Sorted() []Balance {
	return slices.SortedFunc(maps.Values(b), func(x, y Balance) int { return cmp.Compare(x.Currency.String(), y.Currency.String()) })
}
