package picture

import (
	"sort"
	"strings"
	"unicode"

	"codebank.dev/dashboards/draw"
)

// widths are the widths of characters, in hundredths of the size of the type. They are the
// largest among the usual sans-serif fonts of browsers, so a text is never wider than it
// is measured.
var widths = map[int]string{
	30:  "ijl'",
	36:  " ,.:;/\\|",
	42:  "()[]rtfI!",
	50:  "`\"·",
	58:  "cszJ–*-",
	62:  "abdeghknopquvxy?_FL",
	66:  "0123456789$ST{}",
	72:  "ABKPRVXYZCUE",
	82:  "DGHNOQw&",
	88:  "+=<>^~#−≈M",
	100: "m%W@…↑↓→⚠✓ÆæŒœǼǽŴŵ",
}

// advances are the same widths by character.
var advances = byRune()

func byRune() map[rune]float64 {
	list := map[rune]float64{}
	for width, runes := range widths {
		for _, r := range runes {
			list[r] = float64(width) / 100
		}
	}
	return list
}

// bold is how much wider bold type is.
const bold = 1.13

// Measure returns the width of a text, which is never less than what a browser needs.
func Measure(text string, size float64, strong bool) float64 {
	width := 0.0
	for _, r := range text {
		width += advance(r)
	}
	if strong {
		width *= bold
	}
	return width * size
}

func advance(r rune) float64 {
	if width, known := advances[r]; known {
		return width
	}
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0.1
	case unicode.Is(unicode.Latin, r) && unicode.IsLower(r):
		return 0.66
	case unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic):
		return 0.9
	case r >= 0x1100:
		return 1.1
	}
	return 0.9
}

// fitted shortens a text to a width. The end is replaced by an ellipsis. Its time does not grow
// with the square of the length, because a text may have any length.
func fitted(text string, width, size float64, strong bool) string {
	if Measure(text, size, strong) <= width {
		return text
	}
	runes := []rune(text)
	form := func(n int) string { return strings.TrimRight(string(runes[:n]), " ") + "…" }
	// A longer form is never narrower.
	n := sort.Search(len(runes), func(n int) bool { return Measure(form(n), size, strong) > width })
	if n == 0 {
		return ""
	}
	return form(n - 1)
}

// font is the size and the weight of a text.
type font struct {
	size float64
	bold bool
}

// wrapped breaks a text into at most n lines of a width. Words break at spaces, and after
// underscores and hyphens. What does not fit is shortened.
func wrapped(text string, width float64, in font, n int) []string {
	size, strong := in.size, in.bold
	var lines []string
	current := ""
	words := words(text)
	for i, word := range words {
		if Measure(strings.TrimRight(current+word, " "), size, strong) <= width || current == "" {
			current += word
			continue
		}
		if len(lines) == n-1 {
			current = fitted(current+strings.Join(words[i:], ""), width, size, strong)
			break
		}
		lines = append(lines, fitted(strings.TrimSpace(current), width, size, strong))
		current = word
	}
	if current = strings.TrimSpace(current); current != "" {
		lines = append(lines, fitted(current, width, size, strong))
	}
	return lines
}

// words divides a text into parts that a line may end after.
func words(text string) []string {
	var list []string
	for text != "" {
		at := strings.IndexAny(text, " _-/")
		if at < 0 {
			return append(list, text)
		}
		list, text = append(list, text[:at+1]), text[at+1:]
	}
	return list
}

// names shortens names to a width so that they stay different: at the end, or in the middle
// where two names would become the same.
func names(full []string, width, size float64) []string {
	fits := func(text string) bool { return Measure(text, size, false) <= width }
	return draw.Shorten(full, fits)
}
