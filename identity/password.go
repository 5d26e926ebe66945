package identity

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"golang.org/x/text/unicode/norm"
)

// The lengths of a password in characters.
const (
	MinPassword = 8
	MaxPassword = 128
)

// commonPasswords has the commonest passwords of 8 characters and more, one a line, in lower case.
//
//go:embed commonpasswords.txt
var commonPasswords string

// ParsePassword returns a password as it is hashed: in Unicode's form NFC, so that keyboards that
// write é in two ways give one password. It refuses one that is not allowed for a new password of
// the address, which is "" if it is not known. Errors are InvalidArgument of the field and say
// nothing about the password.
func ParsePassword(field, text string, email Email) (string, error) {
	password, err := GivenPassword(field, text)
	if err != nil {
		return "", err
	}
	lower := strings.ToLower(password)
	if strings.Contains("\n"+commonPasswords, "\n"+lower+"\n") || lower == string(email) || strings.Count(lower, lower[:1]) == len(lower) {
		return "", fault.Invalid(field, "This password is one of the first that everybody tries. Choose another one.")
	}
	return password, nil
}

// GivenPassword returns a password that is compared and not set, as it is hashed. It refuses one
// that no account can have.
func GivenPassword(field, text string) (string, error) {
	// The length is checked in bytes before anything works on the text.
	if len(text) > MaxPassword*utf8.UTFMax || !utf8.ValidString(text) {
		return "", errPassword(field)
	}
	password := norm.NFC.String(text)
	if length := utf8.RuneCountInString(password); length < MinPassword || length > MaxPassword {
		return "", errPassword(field)
	}
	if strings.ContainsAny(password, "\x00\r\n") {
		return "", errPassword(field)
	}
	return password, nil
}

func errPassword(field string) error {
	return fault.Invalid(field, fmt.Sprintf("A password has %d to %d characters, in one line.", MinPassword, MaxPassword))
}
