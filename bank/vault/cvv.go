package vault

import (
	"strconv"

	"codebank.dev/platform/pan"
)

// serviceCode takes the place of the service code, as in a code that is printed on a card and not
// written on its stripe.
const serviceCode = "000"

// CVV derives a card's security code: 4 digits for AMEX, 3 for the others.
//
// Schemes derive the code from number, expiry, service code and a pair of DES keys, and take
// decimal digits from the result. This is the same scheme with a modern primitive: HMAC-SHA-256
// with the cvv key over
//
//	number ":" YYYYMM ":" "000" ":" block
//
// where block counts from 0. Each byte b of the hash gives the digit b mod 10 if b < 250. Other
// bytes are skipped, because they would favour the digits 0 to 5. When a hash has no bytes left,
// the next block follows. The same number with another expiry has an unrelated code. CVV makes one
// allocation, for the code.
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

// decimalise writes unbiased digits from source into digits, beginning at n, and returns how many
// digits are written then.
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
