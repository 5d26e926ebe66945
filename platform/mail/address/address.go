// Package address knows which e-mail addresses there are.
package address

import (
	"regexp"
	"strings"
)

// MaxLength is the longest address of RFC 5321.
const MaxLength = 254

const (
	maxLocal = 64
	maxLabel = 63
)

// form is what mail servers in fact take of RFC 5321: no quotes, comments and literals.
var form = regexp.MustCompile(`^[a-z0-9!#$%&'*+/=?^_{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~-]+)*@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$`)

// Normal returns the one form of an address: in lower case, and most characters at the most. It reports false for what is no
// address, and for what is not ASCII, so that no two addresses look alike; an international domain is written with xn--.
func Normal(text string, most int) (string, bool) {
	for i := range len(text) {
		if text[i] > '~' { // Before the case changes: a letter outside ASCII may have one in it.
			return "", false
		}
	}
	text = strings.ToLower(text)
	local, domain, _ := strings.Cut(text, "@")
	if len(text) > most || len(local) > maxLocal || !form.MatchString(text) {
		return "", false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if len(label) > maxLabel {
			return "", false
		}
	}
	return text, true
}
