package query

import (
	"fmt"
	"slices"
	"strconv"

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

// word returns the words for a key, or nothing if the key is its own word.
func (q *panelQuery) word(field string, key Key) string {
	if key.Other || field == "" {
		return ""
	}
	if slices.Contains(q.view.Amounts, field) {
		return major(key.Text)
	}
	if text := q.view.Words.Of(field, key.Text); text != key.Text {
		return text
	}
	return ""
}

// major writes an amount of minor units in major units. A text that is no whole number
// has no words.
func major(minor string) string {
	amount, err := strconv.ParseInt(minor, 10, 64)
	if err != nil {
		return ""
	}
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	whole := strconv.FormatUint(uint64(amount)/100, 10)
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	return fmt.Sprintf("%s%s.%02d", sign, whole, uint64(amount)%100)
}
