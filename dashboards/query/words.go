package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"codebank.dev/dashboards/view"
)

// fieldOf returns the field whose values are the keys of a bucket.
func fieldOf(bucket view.Bucket) string {
	switch b := bucket.(type) {
	case view.Terms:
		if len(b.Fields) == 1 {
			return b.Fields[0]
		}
	case view.Time:
		return b.Field
	case view.Numbers:
		return b.Field
	}
	return ""
}

// The names of what is not a value.
const (
	// AllOthers is the name of all values that are not shown.
	AllOthers = "(all others)"
	// allBelow is the name of all values of the levels below AllOthers.
	allBelow = "(all)"
	// blank is the name of a value of which nothing can be seen.
	blank = "(blank)"
)

// word returns the words for a key, or nothing if the key is its own word.
func (q *panelQuery) word(field string, key Key) string {
	if key.Other {
		return key.Label
	}
	if field == "" {
		return ""
	}
	if slices.Contains(q.view.Amounts, field) {
		return major(key.Text, 2)
	}
	if text := q.view.Words.Of(field, key.Text); text != key.Text {
		return text
	}
	return Readable(key.Text)
}

// Readable returns a name for a value that people could not read as it is: what Visible
// returns, or the text without the combining marks that would draw over its neighbours. It
// returns nothing for any other value.
func Readable(text string) string {
	if name := Visible(text); name != "" {
		return name
	}
	if name := withFewMarks(text); name != text {
		return name
	}
	return ""
}

// mostMarks is how many combining marks a character may have. No script needs more.
const mostMarks = 4

// withFewMarks drops the combining marks of a character beyond the first few.
func withFewMarks(text string) string {
	marks := 0
	return strings.Map(func(r rune) rune {
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
			return r
		}
		if marks++; marks > mostMarks {
			return -1
		}
		return r
	}, text)
}

// Visible returns a name for a value that people could not see, or could take for the name
// of something else. It returns nothing for any other value, and for an empty one.
func Visible(text string) string {
	switch {
	case text == "":
		return ""
	case text == AllOthers || text == allBelow || text == blank:
		return "“" + text + "”"
	case !strings.ContainsFunc(text, isSeen):
		return blank
	}
	return ""
}

// fillers are letters and symbols that leave a space: of Hangul, and of Braille.
const fillers = "\u115F\u1160\u2800\u3164\uFFA0"

// isSeen reports whether a character leaves a mark that people see.
func isSeen(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.Is(unicode.Mn, r) && !strings.ContainsRune(fillers, r)
}

// wordIn returns the words for a value of a document. Amounts are in major units of the
// document's own currency.
func (q *panelQuery) wordIn(document map[string]json.RawMessage, field string, key Key) string {
	if !slices.Contains(q.view.Amounts, field) {
		return q.word(field, key)
	}
	decimals, special := q.view.Decimals[shown(document[view.CurrencyField])]
	if !special {
		decimals = 2
	}
	return major(key.Text, decimals)
}

// major writes an amount of minor units in major units of a currency with a number of
// decimals. A text that is no whole number has no words.
func major(minor string, decimals int) string {
	amount, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	unit := uint64(1)
	for range decimals {
		unit *= 10
	}
	whole := strconv.FormatUint(uint64(amount)/unit, 10)
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if decimals == 0 {
		return sign + whole
	}
	return fmt.Sprintf("%s%s.%0*d", sign, whole, decimals, uint64(amount)%unit)
}
