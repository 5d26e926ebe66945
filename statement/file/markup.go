package file

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/statement/file/digest"
)

// appendFacts writes what a statement says of itself in a format that has no fields for it: words of the form
// name=value, with a space between. The digest of the bytes follows the last one. It is at most 360 characters
// with that digest, the most that OFX has room for.
func appendFacts(text []byte, header *Header, lines digest.Chain) []byte {
	text = append(append(text, digest.Name...), " complete-to="...)
	text = strconv.AppendInt(text, header.CompleteTo, 10)
	text = header.CompleteToTime.AppendFormat(append(text, " complete-to-time="...), TimeLayout)
	text = strconv.AppendInt(append(text, " opening="...), header.Totals.Opening, 10)
	text = strconv.AppendInt(append(text, " lines="...), header.Totals.Lines, 10)
	text = strconv.AppendInt(append(text, " credits="...), header.Totals.Credits, 10)
	text = strconv.AppendInt(append(text, " debits="...), header.Totals.Debits, 10)
	text = append(append(text, " digest="...), lines.String()...)
	return append(text, " file-digest="...)
}

// name returns the UUID of the file for formats that need one. The same header has the same name.
func (h *Header) name() id.ID {
	return id.Derive(h.Account, "statement", h.Start.Format(TimeLayout), h.End.Format(TimeLayout), strconv.FormatInt(h.CompleteTo, 10), h.CreatedAt.Format(TimeLayout))
}

// asOf returns the moment that the closing balance is as of: the end of the range, or the last event that the
// file is complete to if that was earlier.
func (h *Header) asOf() time.Time {
	switch {
	case h.CompleteTo == 0 || h.CompleteToTime.Before(h.Start):
		return h.Start
	case h.CompleteToTime.Before(h.End):
		return h.CompleteToTime
	}
	return h.End
}

// code returns the header's currency, which Check has found to be one.
func (h *Header) code() money.Currency {
	currency, _ := money.ParseCurrency(h.Currency)
	return currency
}

// shorten returns the first characters of a text, on one line, without controls and without spaces at its ends.
func shorten(text string, most int) string {
	text = strings.TrimSpace(strings.Map(spaced, text))
	if len(text) > most {
		count := 0
		for at := range text {
			if count++; count > most {
				return strings.TrimSpace(text[:at])
			}
		}
	}
	return text
}

// spaced returns a space for a line break and any other control.
func spaced(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
		return ' '
	}
	return r
}

// withoutHyphens returns a UUID as 32 hexadecimal digits, for fields of 35 characters.
func withoutHyphens(uuid string) string { return strings.ReplaceAll(uuid, "-", "") }

// appendEscaped writes a text for XML and SGML. Line breaks and other controls become spaces. What is no
// character of XML becomes U+FFFD.
func appendEscaped(text []byte, value string) []byte {
	for _, r := range value {
		switch r = spaced(r); {
		case r == '&':
			text = append(text, "&amp;"...)
		case r == '<':
			text = append(text, "&lt;"...)
		case r == '>':
			text = append(text, "&gt;"...)
		case r == '\ufffe' || r == '\uffff':
			text = append(text, "\ufffd"...)
		default:
			text = utf8.AppendRune(text, r)
		}
	}
	return text
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
