package field

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// SameName reports whether two names of a holder are the same. It makes no difference which
// case a letter has, whether a letter and its accent are one character or two, and which of
// several compatible characters is used. This is the compatibility caseless match of the
// Unicode Standard, definition D146. Several spaces count as one, and invisible characters
// do not count. Nothing is transliterated: João is not Joao. Names that strings.ToUpper
// makes equal are always the same, because cards were issued while names were compared like
// that.
func SameName(a, b string) bool { return a == b || foldName(a) == foldName(b) }

// foldName returns a name in the form that is compared.
func foldName(name string) string {
	upper := strings.ToUpper(oneSpace(name))
	if isPrintableASCII(upper) {
		return strings.ToLower(upper)
	}
	fold := cases.Fold()
	folded := norm.NFKD.String(fold.String(norm.NFKD.String(fold.String(norm.NFD.String(upper)))))
	return oneSpace(strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf && isIgnorable(r) {
			return -1
		}
		return r
	}, folded))
}

// oneSpace returns a text with one space between its words and none around it.
func oneSpace(text string) string { return strings.Join(strings.Fields(text), " ") }

// isIgnorable reports whether a comparison of texts leaves out a character.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}
