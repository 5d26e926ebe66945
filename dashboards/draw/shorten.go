package draw

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"
)

// printable replaces control characters, and characters without a picture of their own,
// because names come from anywhere: a terminal obeys some of them, and others hide or turn
// the text beside them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// Shorten shortens names that do not fit, so that different names stay different. A name is
// cut at its end. If two names would become the same, their middles are cut, because the
// ends of names often differ. What is still the same is numbered.
func Shorten(names []string, fits func(string) bool) []string {
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = cutEnd(name, fits)
	}
	ends := slices.Clone(short)
	for i := range short {
		if short[i] != names[i] && clashes(names, ends, i) {
			short[i] = cutMiddle(names[i], fits)
		}
	}
	middles := slices.Clone(short)
	for i := range short {
		if short[i] == names[i] || !clashes(names, middles, i) {
			continue
		}
		number := strconv.Itoa(i + 1)
		short[i] = cutEnd(names[i], func(text string) bool { return fits(text + number) }) + number
		if !fits(short[i]) {
			short[i] = number
		}
	}
	return short
}

// clashes reports whether another name has the same short form.
func clashes(names, short []string, at int) bool {
	for i := range short {
		if i != at && short[i] == short[at] && names[i] != names[at] {
			return true
		}
	}
	return false
}

func cutEnd(name string, fits func(string) bool) string {
	runes := []rune(name)
	return mostOf(name, len(runes)-1, fits, func(n int) string { return strings.TrimRight(string(runes[:n]), " ") + "…" })
}

func cutMiddle(name string, fits func(string) bool) string {
	runes := []rune(name)
	return mostOf(name, len(runes)-1, fits, func(n int) string {
		head := (n + 1) / 2
		return string(runes[:head]) + "…" + string(runes[len(runes)-(n-head):])
	})
}

// mostOf returns a name, or if it does not fit, the form with the most characters that fits:
// at most n of them. It tries few of the forms, because a name may have any length.
func mostOf(name string, n int, fits func(string) bool, form func(n int) string) string {
	if fits(name) {
		return name
	}
	// A form with more characters is never narrower.
	if kept := sort.Search(n, func(i int) bool { return !fits(form(i + 1)) }); kept > 0 {
		return form(kept)
	}
	return "…"
}
