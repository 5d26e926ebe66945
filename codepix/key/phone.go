package key

import (
	"strings"

	"codebank.dev/platform/fault"
)

const (
	minPhone = 8  // digits with the code of the country; no country has shorter numbers of persons
	maxPhone = 15 // E.164
	// brazil is the code of Brazil, whose numbers have two digits for the area and then eight or, of a mobile phone,
	// nine.
	brazil = "55"
)

// parsePhone returns a telephone number in the form of E.164. The plus sign is required, because eleven digits
// without it may be a CPF.
func parsePhone(field, text string) (string, error) {
	number, plus := strings.CutPrefix(without(" -.()", text), "+")
	if !plus {
		return "", fault.Invalid(field, "A telephone number begins with a plus sign and the code of the country, such as +55.")
	}
	refused := fault.Invalid(field, "A telephone number is a plus sign and 8 to 15 digits; one of Brazil has the area's two digits and eight or nine more.")
	if !areDigits(number, minPhone, maxPhone) || number[0] == '0' {
		return "", refused
	}
	if national, here := strings.CutPrefix(number, brazil); here && !isBrazilian(national) {
		return "", refused
	}
	return "+" + number, nil
}

// isBrazilian reports whether digits are an area and a number in it.
func isBrazilian(national string) bool {
	const area, landline, mobile = 2, 8, 9
	if len(national) < area || strings.Contains(national[:area], "0") {
		return false
	}
	number := national[area:]
	return len(number) == mobile && number[0] == '9' || len(number) == landline && number[0] >= '2' && number[0] <= '9'
}
