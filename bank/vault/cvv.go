package vault

import (
	"strconv"

	"codebank.dev/platform/pan"
)

// serviceCode is what takes the place of a service code when the code is printed
// on a card instead of written on its stripe.
const serviceCode = "000"

// CVV derives a card's security code: 4 digits for AMEX, 3 for the others.
//
// Schemes derive a code from number, expiry, service code and a pair of DES keys,
// and read decimal digits off the result. This is the same shape with a modern
// primitive: HMAC-SHA-256 under the cvv key over
//
//	number ":" YYYYMM ":" "000" ":" block
//
// with block counting from 0. Digits are read off the hash byte by byte: b mod 10
// for b < 250; other bytes are skipped, for they would favour 0 to 5. When a hash
// runs out of bytes the next block follows. Equal numbers with another expiry have
// unrelated codes. One allocation, the code's own.
func (v *Vault) CVV(number pan.Number, expiry pan.Expiry) pan.CVV {
	length := number.Brand().CVVLength()
	s := v.cvv.acquire()
	var digits [4]byte
	for n, block := 0, int64(0); n < length; block++ {
		s.input = appendCVVInput(s.input[:0], number, expiry, block)
		s.sum()
		n = decimalise(digits[:length], n, s.output)
	}
	v.cvv.release(s)
	code, err := pan.ParseCVV(string(digits[:length]))
	if err != nil {
		panic("vault: a derived code is digits")
	}
	return code
}

func appendCVVInput(dst []byte, number pan.Number, expiry pan.Expiry, block int64) []byte {
	dst = append(dst, number.Reveal()...)
	dst = append(dst, ':')
	dst = strconv.AppendInt(dst, int64(expiry.Year)*100+int64(expiry.Month), 10)
	dst = append(dst, ":"+serviceCode+":"...)
	return strconv.AppendInt(dst, block, 10)
}

// decimalise fills digits from n on with unbiased digits read off source, and
// returns how many are filled then.
func decimalise(digits []byte, n int, source []byte) int {
	for _, b := range source {
		if n == len(digits) {
			break
		}
		if b < 250 {
			digits[n] = '0' + b%10
			n++
		}
	}
	return n
}
