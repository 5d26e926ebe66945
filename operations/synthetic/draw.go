package synthetic

import (
	"math/bits"
	"math/rand/v2"
)

// The subjects of draws. Each subject has a stream of its own, so that a draw for one
// changes nothing for another.
const (
	aboutDay       = 1 << 40
	aboutCard      = 2 << 40
	aboutWallet    = 3 << 40
	aboutWalletDay = 4 << 40
)

// draw draws whole numbers. It takes only the generator's 64 bits from the library,
// because another version of the library may derive other numbers from them.
type draw struct{ source *rand.PCG }

func newDraw(seed uint64, subject int) draw {
	return draw{rand.NewPCG(seed, uint64(subject))}
}

// below returns one of 0 … n-1, all equally likely.
func (d draw) below(n int) int {
	high, _ := bits.Mul64(d.source.Uint64(), uint64(n))
	return int(high)
}

// between returns one of low … high, all equally likely.
func (d draw) between(low, high int) int { return low + d.below(high-low+1) }

// chance returns true inThousand times in a thousand.
func (d draw) chance(inThousand int) bool { return d.below(1000) < inThousand }

// pick returns an index of weights. Each index is as likely as its weight says.
func (d draw) pick(weights []int) int {
	total := 0
	for _, weight := range weights {
		total += weight
	}
	at := d.below(total)
	for i, weight := range weights {
		if at -= weight; at < 0 {
			return i
		}
	}
	panic("synthetic: a draw beyond all weights")
}

// normal returns a normally distributed number with the standard deviation unit. It is a
// sum of twelve uniform numbers, which has the variance 1.
func (d draw) normal() int {
	const bitsEach, mean = 10, 12 * (unit - 1) / 2
	sum := 0
	for range 2 {
		word := d.source.Uint64()
		for range 6 {
			sum += int(word & (unit - 1))
			word >>= bitsEach
		}
	}
	return sum - mean
}

// unit is the number 1 as a fixed-point number of this file.
const unit = 1024

// amount returns a log-normally distributed amount with this median. spread is one
// standard deviation, in 64ths of a doubling.
func (d draw) amount(median int64, spread int) int64 {
	exponent := d.normal() * spread / unit
	doublings, rest := exponent>>6, exponent&63
	amount := median * powers[rest] / unit
	if doublings >= 0 {
		return amount << min(doublings, maxDoublings)
	}
	return amount >> -doublings
}

// maxDoublings bounds the rare large amounts, so that a card can pay them.
const maxDoublings = 5

// powers are 2^(k/64), as fixed-point numbers.
var powers = [64]int64{
	1024, 1035, 1046, 1058, 1069, 1081, 1093, 1105, 1117, 1129, 1141, 1154, 1166, 1179, 1192, 1205,
	1218, 1231, 1244, 1258, 1272, 1286, 1300, 1314, 1328, 1342, 1357, 1372, 1387, 1402, 1417, 1433,
	1448, 1464, 1480, 1496, 1512, 1529, 1545, 1562, 1579, 1596, 1614, 1631, 1649, 1667, 1685, 1704,
	1722, 1741, 1760, 1779, 1798, 1818, 1838, 1858, 1878, 1898, 1919, 1940, 1961, 1983, 2004, 2026,
}
