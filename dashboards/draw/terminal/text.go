package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"codebank.dev/dashboards/view"
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

// plain returns a line of one piece.
func plain(text string, style Style) line { return line{{printable(text), style}} }

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

// wrapped breaks a text into lines of at most the width, at spaces.
func wrapped(text string, width int) []string {
	var lines []string
	current := ""
	for _, word := range strings.Fields(printable(text)) {
		if current != "" && utf8.RuneCountInString(current+" "+word) > width {
			lines, current = append(lines, current), ""
		}
		current = strings.TrimPrefix(current+" "+word, " ")
	}
	return append(lines, cut(current, width))
}

// None stands for a figure without a value, such as a division by 0.
const None = "–"

// Figure writes a figure in its format.
func Figure(value *float64, format view.Format) string {
	if value == nil {
		return None
	}
	v := *value
	switch format.Kind {
	case view.Percent:
		return grouped(100*v, format.Decimals) + " %"
	case view.Money:
		return strings.TrimSpace(grouped(v, format.Decimals) + " " + format.Unit)
	case view.Duration:
		return duration(v, format)
	case view.Moment:
		return moment(v)
	case view.Bytes:
		return grouped(v, format.Decimals) + " B"
	}
	return grouped(v, format.Decimals)
}

// millisIn is how many of each unit make one millisecond.
var millisIn = map[string]float64{view.Microseconds: 1000, view.Milliseconds: 1, view.Seconds: 0.001}

func duration(v float64, format view.Format) string {
	millis := v
	if per, known := millisIn[format.Unit]; known {
		millis = v / per
	}
	if format.As == view.Seconds {
		return grouped(millis/1000, format.Decimals) + " s"
	}
	return grouped(millis, format.Decimals) + " ms"
}

// grouped writes a number with its thousands separated.
func grouped(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if strings.Trim(whole+fraction, "0") == "" {
		sign = ""
	}
	var groups []string
	for len(whole) > 3 {
		groups = append([]string{whole[len(whole)-3:]}, groups...)
		whole = whole[:len(whole)-3]
	}
	text = sign + strings.Join(append([]string{whole}, groups...), ",")
	if fraction != "" {
		text += "." + fraction
	}
	return text
}
