package key

import (
	"strings"

	"codebank.dev/platform/fault"
)

// cpfLength is the number of digits of a CPF, the number of a person at the revenue service of Brazil. The last two
// check the others.
const cpfLength = 11

// ParseCPF returns the eleven digits of a CPF, which may be written 123.456.789-09. Eleven equal digits pass the check
// and belong to nobody, so they are refused. Errors are InvalidArgument of the field and do not repeat the text.
func ParseCPF(field, text string) (string, error) {
	parsed, err := Parse(field, CPF, text)
	return parsed.Text, err
}

func parseCPF(field, text string) (string, error) {
	text = without(".-", text)
	if !areDigits(text, cpfLength, cpfLength) {
		return "", fault.Invalid(field, "A CPF is eleven digits.")
	}
	if text == strings.Repeat(text[:1], cpfLength) || cpfDigit(text[:9]) != text[9] || cpfDigit(text[:10]) != text[10] {
		return "", fault.Invalid(field, "The check digits of the CPF are wrong.")
	}
	return text, nil
}

// cpfDigit returns the check digit of the digits before it: the sum of the digits, weighted 2, 3, 4 … from the right,
// times ten modulo eleven, where ten counts as zero.
func cpfDigit(before string) byte {
	sum := 0
	for i := range len(before) {
		sum += int(before[i]-'0') * (len(before) + 1 - i)
	}
	return '0' + byte(sum*10%11%10)
}

// MakeCPF returns the CPF that begins with nine digits, for made-up people.
func MakeCPF(nine string) string {
	ten := nine + string(cpfDigit(nine))
	return ten + string(cpfDigit(ten))
}
