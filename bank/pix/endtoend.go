package pix

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"codebank.dev/bank"
)

// EndToEnd is what an end-to-end id says. It is 32 characters: E for a payment or D for a return, the eight digits of
// the bank that sends it, and 23 letters and digits, which are the bank's transaction in base 62. So a bank finds its
// own part of a payment by the id alone.
type EndToEnd struct {
	Return bool
	Bank   bank.Code
	// Transaction is that of the sending bank; zero when the 23 characters are no transaction.
	Transaction bank.ID
}

const (
	endToEndLength = 32
	// bankDigits is what stands before the three digits of a bank's code.
	bankDigits = "00000"
	// firstDigit is where the transaction begins.
	firstDigit = 9
	digits     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// String returns the end-to-end id.
func (e EndToEnd) String() string {
	text := make([]byte, endToEndLength)
	text[0] = 'E'
	if e.Return {
		text[0] = 'D'
	}
	copy(text[1:], bankDigits+string(e.Bank))
	high, low := binary.BigEndian.Uint64(e.Transaction[:8]), binary.BigEndian.Uint64(e.Transaction[8:])
	for i := endToEndLength - 1; i >= firstDigit; i-- {
		rest := high % uint64(len(digits))
		high /= uint64(len(digits))
		low, rest = bits.Div64(rest, low, uint64(len(digits)))
		text[i] = digits[rest]
	}
	return string(text)
}

// ParseEndToEnd reads an end-to-end id; ok is false for a text that is none.
func ParseEndToEnd(text string) (e EndToEnd, ok bool) {
	if len(text) != endToEndLength || text[0] != 'E' && text[0] != 'D' || text[1:1+len(bankDigits)] != bankDigits {
		return EndToEnd{}, false
	}
	code, err := bank.ParseCode(text[1+len(bankDigits) : firstDigit])
	if err != nil {
		return EndToEnd{}, false
	}
	e = EndToEnd{Return: text[0] == 'D', Bank: code}
	var high, low uint64
	fits := true
	for i := firstDigit; i < endToEndLength; i++ {
		digit := strings.IndexByte(digits, text[i])
		if digit < 0 {
			return EndToEnd{}, false
		}
		carry, product := bits.Mul64(low, uint64(len(digits)))
		sum, over := bits.Add64(product, uint64(digit), 0)
		above, shifted := bits.Mul64(high, uint64(len(digits)))
		next, over := bits.Add64(shifted, carry, over)
		fits = fits && above == 0 && over == 0
		high, low = next, sum
	}
	if fits {
		binary.BigEndian.PutUint64(e.Transaction[:8], high)
		binary.BigEndian.PutUint64(e.Transaction[8:], low)
	}
	return e, true
}

// OwnTransaction returns the transaction of an end-to-end id that this bank has made; ok is false for another one's.
func (e EndToEnd) OwnTransaction(code bank.Code) (transaction bank.ID, ok bool) {
	return e.Transaction, e.Bank == code && !e.Transaction.IsZero()
}
