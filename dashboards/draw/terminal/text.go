package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Style is the style of a piece of text.
type Style string

// The styles.
const (
	Plain  Style = ""
	Strong Style = "strong"
	Faint  Style = "faint"
	Good   Style = "good"
	Fair   Style = "fair"
	Bad    Style = "bad"
)

// codes are the terminal codes of the styles.
var codes = map[Style]string{Strong: "\x1b[1m", Faint: "\x1b[2m", Good: "\x1b[32m", Fair: "\x1b[33m", Bad: "\x1b[31m"}

// piece is text of one style. The text holds no control characters.
type piece struct {
	text  string
	style Style
}

// line is one line, made of pieces.
type line []piece

func (l line) width() int {
	width := 0
	for _, p := range l {
		width += utf8.RuneCountInString(p.text)
	}
	return width
}

// write returns the line. With colours, it adds the codes of the styles.
func (l line) write(colours bool) string {
	var b strings.Builder
	for _, p := range l {
		code := codes[p.style]
		if !colours || code == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(code + p.text + "\x1b[0m")
	}
	return strings.TrimRight(b.String(), " ")
}

// fitted cuts or fills the line to exactly the width.
func (l line) fitted(width int) line {
	var fitted line
	left := width
	for _, p := range l {
		p.text = cut(p.text, left)
		left -= utf8.RuneCountInString(p.text)
		fitted = append(fitted, p)
	}
	if left > 0 {
		fitted = append(fitted, piece{strings.Repeat(" ", left), Plain})
	}
	return fitted
}

// text returns the text of the line without styles.
func (l line) text() string {
	var b strings.Builder
	for _, p := range l {
		b.WriteString(p.text)
	}
	return b.String()
}

// printable replaces control characters, because names come from anywhere and a
// terminal obeys such characters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// cut shortens a text to a width, and ends a shortened text with an ellipsis.
func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	if width <= 0 {
		return ""
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "…"
}

func padded(text string, width int, right bool) string {
	text = cut(text, width)
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
	if right {
		return space + text
	}
	return text + space
}

// wrapped breaks a text into lines of at most the width, at spaces. A word that is longer
// than a line continues in the next one.
func wrapped(text string, width int) []string {
	width = max(1, width)
	var lines []string
	current := ""
	for _, word := range strings.Fields(printable(text)) {
		if current != "" && utf8.RuneCountInString(current+" "+word) > width {
			lines, current = append(lines, current), ""
		}
		current = strings.TrimPrefix(current+" "+word, " ")
		for utf8.RuneCountInString(current) > width {
			runes := []rune(current)
			lines, current = append(lines, string(runes[:width])), string(runes[width:])
		}
	}
	if current == "" && len(lines) > 0 {
		return lines
	}
	return append(lines, current)
}

// paragraph returns a text as lines of one style.
func paragraph(text string, width int, style Style) []line {
	var lines []line
	for _, part := range wrapped(text, width) {
		lines = append(lines, line{{part, style}})
	}
	return lines
}
