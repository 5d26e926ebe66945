package statement

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Filter chooses lines by what they are. The zero Filter chooses all.
type Filter struct {
	// Kinds are as events name them; none for all.
	Kinds []string
	// Direction is DEBIT, CREDIT, or "" for both.
	Direction string
	// Text is a part of the description, the merchant's name or reference, the counterparty's name, or
	// the end-to-end id, without regard to capitals and accents.
	Text string
	// MinAmount and MaxAmount are minor units, inclusive; 0 for no bound.
	MinAmount, MaxAmount int64
}

// folded returns the filter with its text as matches needs it.
func (f Filter) folded() Filter {
	f.Text = fold(f.Text)
	return f
}

// matches reports whether a folded filter chooses a line.
func (f *Filter) matches(line *Line) bool {
	switch {
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, line.Kind):
		return false
	case f.Direction != "" && f.Direction != line.Direction:
		return false
	case line.Amount < f.MinAmount || f.MaxAmount != 0 && line.Amount > f.MaxAmount:
		return false
	case f.Text == "":
		return true
	}
	for _, text := range [...]string{line.Description, line.MerchantName, line.MerchantReference, line.CounterpartyName, line.EndToEndID} {
		if text != "" && strings.Contains(fold(text), f.Text) {
			return true
		}
	}
	return false
}

// fold returns a text without capitals and accents: decomposed by the Unicode Standard (NFKD), without marks,
// each letter as its small form.
func fold(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	var folded strings.Builder
	for _, r := range norm.NFKD.String(text) {
		if !unicode.Is(unicode.Mn, r) {
			folded.WriteRune(smallest(r))
		}
	}
	return folded.String()
}

// smallest returns one form of a letter for all forms that differ in their case only.
func smallest(r rune) rune {
	if r < utf8.RuneSelf {
		return unicode.ToLower(r)
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
