package pan

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxSeparators is how many separators may stand between two groups of digits.
const maxSeparators = 3

// In reports whether a text holds something that reads as a card number: 13 to 19 digits
// with the right check digit. Digits of every script count, by their value. Digits may stand
// in groups: up to three spaces, dashes, dots, slashes and underscores may be between two
// groups. A character that is compatible with a digit or separator counts as that one
// (NFKC). Combining and invisible characters do not count.
//
// A run of digits without separators is checked as a whole. In does not search a longer
// number for a shorter one. Groups are taken together when they are as long as those on
// cards (4-4-4-4, 4-6-5 and the like), or when number and length are those of a known brand.
// So it seldom takes a date beside a telephone number for a card number. When both hold, any
// single mark may be between two groups, such as a colon, a comma or a star. Of all other
// numbers of 13 to 19 digits In takes one in ten for a card number. It allocates nothing for
// an ordinary text.
func In(text string) bool {
	// No character is compatible with more digits than it has bytes. Characters that begin with
	// the byte C3 are the accented letters of western Europe.
	mayBeDigits := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == 0xC3:
			i++
		case '0' <= c && c <= '9' || c >= utf8.RuneSelf:
			mayBeDigits++
		}
	}
	if mayBeDigits < Shortest {
		return false
	}
	var found finder
	for _, r := range norm.NFKC.String(text) {
		if found.next(r) > 0 {
			return true
		}
	}
	return found.numbered() > 0
}

// Mask returns a text with each number that In finds in it replaced by "[number]". A character
// that is compatible with several digits is replaced as a whole.
func Mask(text string) string {
	if !In(text) {
		return text
	}
	var found finder
	var digits []piece // where the digits are
	var numbers []piece
	add := func(length int) {
		if length == 0 {
			return
		}
		number := piece{digits[len(digits)-length].from, digits[len(digits)-1].to}
		// A longer number may end where a shorter one did, or begin in it.
		for len(numbers) > 0 && numbers[len(numbers)-1].to > number.from {
			number.from = min(number.from, numbers[len(numbers)-1].from)
			numbers = numbers[:len(numbers)-1]
		}
		numbers = append(numbers, number)
	}
	for from, r := range text {
		to := from + max(1, utf8.RuneLen(r))
		if r == utf8.RuneError {
			_, size := utf8.DecodeRuneInString(text[from:])
			to = from + size
		}
		for _, compatible := range norm.NFKC.String(string(r)) {
			add(found.next(compatible))
			if _, ok := digitValue(compatible); ok {
				digits = append(digits, piece{from, to})
			}
		}
	}
	add(found.numbered())
	return without(text, numbers)
}

// piece is the bytes of a text from one position up to another.
type piece struct{ from, to int }

// without returns a text with a mark in place of some of its pieces, which are in order.
func without(text string, pieces []piece) string {
	var masked strings.Builder
	at := 0
	for _, piece := range pieces {
		masked.WriteString(text[at:piece.from])
		masked.WriteString("[number]")
		at = piece.to
	}
	masked.WriteString(text[at:])
	return masked.String()
}

// finder keeps the groups of digits that belong together, as far back as a number may reach.
type finder struct {
	digits     [longest]byte // the last ones, to the right
	groups     [longest]int  // their lengths, to the right
	marks      [longest]bool // whether another mark is before a group, to the right
	count      int           // how many groups there are
	separators int           // how many there are since the last digit
	marked     bool          // whether the one that is there since the last digit is another mark
}

// next takes the next character. When the character ends a number, it returns how many digits the
// number has, otherwise 0.
func (f *finder) next(r rune) int {
	if digit, ok := digitValue(r); ok {
		if f.separators > 0 || f.count == 0 {
			copy(f.groups[:], f.groups[1:])
			copy(f.marks[:], f.marks[1:])
			f.groups[longest-1], f.marks[longest-1] = 0, f.marked
			f.separators, f.marked = 0, false
			f.count = min(f.count+1, longest)
		}
		f.groups[longest-1]++
		copy(f.digits[:], f.digits[1:])
		f.digits[longest-1] = digit
		return 0
	}
	if r >= utf8.RuneSelf && unicode.In(r, unicode.M, unicode.Cf) {
		return 0
	}
	numbered := 0
	if f.separators == 0 {
		numbered = f.numbered()
	}
	switch {
	case f.separators < maxSeparators && !f.marked && isSeparator(r):
		f.separators++
	case f.separators == 0 && (unicode.IsPunct(r) || unicode.IsSymbol(r)):
		f.separators, f.marked = 1, true
	default:
		f.count, f.separators, f.marked = 0, 0, false
	}
	return numbered
}

// numbered returns how many digits the number has that the last groups are, and 0 if they are none.
func (f *finder) numbered() int {
	length, marked := 0, false
	for first := longest - 1; first >= longest-f.count; first-- {
		if length += f.groups[first]; length > longest {
			return 0
		}
		digits, groups := f.digits[longest-length:], f.groups[first:]
		if length >= Shortest && luhnValid(digits) && isGroupedWell(digits, groups, marked) {
			return length
		}
		marked = marked || f.marks[first]
	}
	return 0
}

// isGroupedWell reports whether groups of digits are one number. marked says that another mark
// than a separator is between them.
func isGroupedWell(digits []byte, groups []int, marked bool) bool {
	switch {
	case len(groups) == 1:
		return true
	case marked:
		return isGroupedLikeCard(groups) && KnownBrand(string(digits))
	}
	return isGroupedLikeCard(groups) || KnownBrand(string(digits))
}

// isGroupedLikeCard reports whether groups are as long as those printed on cards.
func isGroupedLikeCard(groups []int) bool {
	for i, length := range groups {
		isLast := i == len(groups)-1
		if length > 6 || length < 4 && !isLast || i == 0 && length != 4 {
			return false
		}
	}
	return true
}

// digitValue returns the ASCII digit of the same value as a digit of any script.
func digitValue(r rune) (byte, bool) {
	switch {
	case '0' <= r && r <= '9':
		return byte(r), true
	case r < utf8.RuneSelf:
		return 0, false
	case !unicode.IsDigit(r):
		return circledValue(r)
	}
	// Each range has the ten digits of one script or of several, from zero on.
	for _, digits := range unicode.Nd.R16 {
		if low := rune(digits.Lo); low <= r && r <= rune(digits.Hi) {
			return '0' + byte((r-low)%10), true
		}
	}
	for _, digits := range unicode.Nd.R32 {
		if low := rune(digits.Lo); low <= r && r <= rune(digits.Hi) {
			return '0' + byte((r-low)%10), true
		}
	}
	return 0, false
}

// circledValue returns the ASCII digit of a digit in a circle that is compatible with no other
// character. Each range begins with the digit one.
func circledValue(r rune) (byte, bool) {
	for _, one := range []rune{'❶', '➀', '➊', '⓵'} {
		if one <= r && r < one+9 {
			return '1' + byte(r-one), true
		}
	}
	return '0', r == '⓿' || r == '🄋' || r == '🄌'
}

// isSeparator reports whether a character may stand between the groups of a number.
func isSeparator(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || r == '-' || r == '.' || r == '/' || r == '_' || '\t' <= r && r <= '\r'
	}
	return unicode.In(r, unicode.White_Space, unicode.Pd) || strings.ContainsRune("·•‧∙⋅・。−⁄∕", r)
}

// InID reports whether an id of ASCII letters, digits and marks reads as a card number: all
// of it, or a part between two marks, or parts that are as long as the groups on cards. The
// number must have the right check digit, and first digits and length of a known brand.
//
// InID finds less than In, because an id is not free text. An id may be a number, and one
// number in ten has the right check digit. A request that is refused because of its id
// cannot be sent again under another id. InID never finds a card number in a date, in a
// count that begins with 0 or 1, or in a UUID.
func InID(id string) bool {
	parts := strings.FieldsFunc(id, func(r rune) bool {
		return !('0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z')
	})
	for first := range parts {
		digits, groups := "", []int(nil)
		for last := first; last < len(parts) && allDigits(parts[last]); last++ {
			digits += parts[last]
			groups = append(groups, len(parts[last]))
			if len(digits) > longest {
				break
			}
			if isOne := len(groups) == 1 || len(groups) == len(parts) || isGroupedLikeCard(groups); isOne && KnownBrand(digits) {
				return true
			}
		}
	}
	return false
}

// KnownBrand reports whether digits are the number of a card of a brand that Brand
// knows: of the brand's length, with the right check digit.
func KnownBrand(digits string) bool {
	if len(digits) < Shortest || len(digits) > longest || !allDigits(digits) || !luhnValid(digits) {
		return false
	}
	return brandOf(digits).hasLength(len(digits))
}
