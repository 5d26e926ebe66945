package brcode

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"codebank.dev/platform/fault"
)

// The numbers of the fields.
const (
	idFormat       = "00"
	idInitiation   = "01"
	idFirstAccount = "26"
	idLastAccount  = "51"
	idCategory     = "52"
	idCurrency     = "53"
	idAmount       = "54"
	idCountry      = "58"
	idName         = "59"
	idCity         = "60"
	idAdditional   = "62"
	idChecksum     = "63"
)

// The numbers within the field of the account, and within that of additional data.
const (
	idDomain      = "00"
	idKey         = "01"
	idDescription = "02"
	idURL         = "25"
	idTxID        = "05"
)

// headLength is the length of the number and the length before each value. checksumHead is that of the checksum.
const (
	headLength     = 4
	idLength       = 2
	checksumLength = 4
	checksumHead   = idChecksum + "04"
)

// element is one field: its number and its value.
type element struct{ id, value string }

// write appends a field. The value has at most 99 characters, which the checks have made sure of.
func write(text *strings.Builder, id, value string) {
	fmt.Fprintf(text, "%s%02d%s", id, utf8.RuneCountInString(value), value)
}

// joined returns the value of a field that consists of fields. One without a value is left out.
func joined(elements ...element) string {
	var text strings.Builder
	for _, e := range elements {
		if e.value != "" {
			write(&text, e.id, e.value)
		}
	}
	return text.String()
}

// split returns the fields of a text. A length counts characters, because a field for another language may hold some
// outside ASCII. Field is what a fault names.
func split(field, text string) ([]element, error) {
	var elements []element
	seen := make(map[string]bool)
	for text != "" {
		if len(text) < headLength || !isDigits(text[:headLength], headLength) {
			return nil, fault.Invalid(field, "A field begins with four digits: its number and its length.")
		}
		id := text[:idLength]
		length, _ := strconv.Atoi(text[idLength:headLength]) // two digits
		value, rest, ok := cut(text[headLength:], length)
		switch {
		case !ok:
			return nil, fault.Invalid(field, "Field "+id+" is longer than the rest of the text. Part of the code is missing.")
		case length == 0:
			return nil, fault.Invalid(field, "Field "+id+" is empty.")
		case seen[id]:
			return nil, fault.Invalid(field, "Field "+id+" is there twice.")
		}
		seen[id] = true
		elements = append(elements, element{id, value})
		text = rest
	}
	return elements, nil
}

// cut returns the first so many characters of a text and the rest; false when there are fewer.
func cut(text string, characters int) (head, rest string, ok bool) {
	at := 0
	for range characters {
		if at == len(text) {
			return "", "", false
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
	return text[:at], text[at:], true
}

// The parameters of the checksum: CRC-16/CCITT with start value FFFF, not reflected (ISO/IEC 13239).
const (
	polynomial = 0x1021
	start      = 0xFFFF
	topBit     = 0x8000
	byteBits   = 8
)

// checksum returns the checksum over a text, which ends with the number and the length of the checksum's own field.
func checksum(text string) string {
	sum := uint16(start)
	for i := range len(text) {
		sum ^= uint16(text[i]) << byteBits
		for range byteBits {
			carry := sum&topBit != 0
			sum <<= 1
			if carry {
				sum ^= polynomial
			}
		}
	}
	return fmt.Sprintf("%04X", sum)
}
