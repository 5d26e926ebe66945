package audit

import (
	"math/big"
	"math/bits"

	"codebank.dev/platform/money"
)

// Sum is a sum of minor units. It has 128 bits, so no number of events overflows it. The
// zero value is 0.
type Sum struct {
	high int64
	low  uint64
}

// Add adds minor units, which may be negative.
func (s *Sum) Add(minor int64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, uint64(minor), 0)
	s.high += minor>>63 + int64(carry)
}

// String returns the sum in minor units.
func (s Sum) String() string {
	sum := new(big.Int).Lsh(big.NewInt(s.high), 64)
	return sum.Add(sum, new(big.Int).SetUint64(s.low)).String()
}

// MarshalJSON writes the sum as a number of minor units.
func (s Sum) MarshalJSON() ([]byte, error) { return []byte(s.String()), nil }

// Format returns the sum with the decimal places of its currency. If the currency is
// unknown or the sum does not fit an amount, it returns minor units.
func (s Sum) Format(code string) string {
	known, err := money.ParseCurrency(code)
	if err != nil || s.high != int64(s.low)>>63 {
		return s.String()
	}
	return known.FormatMinor(int64(s.low))
}

// CurrencySum is what was approved in one currency.
type CurrencySum struct {
	// Currency is an ISO 4217 code, or "???" if it is not a code.
	Currency string `json:"currency"`
	// Debits and Credits are minor units.
	Debits  Sum `json:"debits_minor"`
	Credits Sum `json:"credits_minor"`
}

// totals are sums over events.
type totals struct {
	events   int64
	refusals int64
	sums     []currencyTotal
	digest   coreDigest
}

type currencyTotal struct {
	code            currency
	debits, credits Sum
}

func (t *totals) add(r *record) {
	t.events++
	if r.key.class == ofRefusal {
		t.refusals++
	}
	for i := range r.core {
		t.digest[i] ^= r.core[i]
	}
	if r.movement == movesNothing {
		return
	}
	total := t.in(r.currency)
	if r.movement == movesDebit {
		total.debits.Add(r.amount)
	} else {
		total.credits.Add(r.amount)
	}
}

// maxCurrencies is how many codes have a sum of their own. There are fewer real codes than
// that.
const maxCurrencies = 500

func (t *totals) in(code currency) *currencyTotal {
	for i := range t.sums {
		if t.sums[i].code == code {
			return &t.sums[i]
		}
	}
	if len(t.sums) >= maxCurrencies && code != noCode {
		return t.in(noCode)
	}
	t.sums = append(t.sums, currencyTotal{code: code})
	return &t.sums[len(t.sums)-1]
}

func (t *totals) reset() {
	*t = totals{sums: t.sums[:0]}
}
