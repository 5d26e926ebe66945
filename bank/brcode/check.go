package brcode

import (
	"net/url"
	"strings"
	"unicode"

	"codebank.dev/platform/fault"
	"golang.org/x/text/unicode/norm"
)

// check returns the first value of a code that no text can carry, as INVALID_ARGUMENT with the name of its field.
func (c *Code) check() error {
	for _, err := range []error{
		c.checkAccount(), checkCategory(c.CategoryCode), checkAmount(c.AmountMinor),
		checkShown(fieldName, c.Name, MaxName), checkShown(fieldCity, c.City, MaxCity), checkTxID(c.TxID),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkAccount checks who gets the money. Key, description and domain share one field, so they are measured together.
func (c *Code) checkAccount() error {
	switch {
	case c.Key == "" && c.URL == "":
		return fault.Invalid(fieldKey, "The code names neither a key nor an address.")
	case c.Key != "" && c.URL != "":
		return fault.Invalid(fieldURL, "The code names a key and an address; only one of them is allowed.")
	case c.URL != "":
		return c.checkURL()
	}
	if err := checkPlain(fieldKey, c.Key, MaxKey); err != nil {
		return err
	}
	if strings.Contains(c.Key, " ") {
		return fault.Invalid(fieldKey, "A key has no spaces.")
	}
	if err := checkPlain(fieldDescription, c.Description, maxTemplate); err != nil {
		return err
	}
	if strings.TrimSpace(c.Description) != c.Description {
		return fault.Invalid(fieldDescription, "The text begins or ends with a space.")
	}
	if len(c.account()) > maxTemplate {
		return fault.Invalid(fieldDescription, "Key and description together are too long for one code.")
	}
	return nil
}

func (c *Code) checkURL() error {
	if err := checkPlain(fieldURL, c.URL, MaxKey); err != nil {
		return err
	}
	if c.Description != "" {
		return fault.Invalid(fieldDescription, "A code with an address has no description of its own.")
	}
	host, path, _ := strings.Cut(c.URL, "/")
	parsed, err := url.Parse("https://" + c.URL)
	if err != nil || host == "" || path == "" || parsed.Host != host || strings.ContainsAny(c.URL, " ?#@") || strings.Contains(c.URL, "://") {
		return fault.Invalid(fieldURL, "The address is a host and a path, without https:// before it.")
	}
	return nil
}

func checkCategory(text string) error {
	if text == "" {
		return nil
	}
	if !isDigits(text, len(noCategory)) || text == noCategory {
		return fault.Invalid(fieldCategory, "An ISO 18245 category code is four digits; leave it out if there is none.")
	}
	return nil
}

func checkAmount(minor int64) error {
	if minor < 0 || minor > MaxMinor {
		return fault.Invalid(fieldAmount, "The amount must be 0.01 to 9999999999.99, or left out.")
	}
	return nil
}

// checkShown checks a text that people read: it is there, short, plain, and neither begins nor ends with a space.
func checkShown(field, text string, most int) error {
	if text == "" {
		return fault.Invalid(field, "This field is required.")
	}
	if strings.TrimSpace(text) != text {
		return fault.Invalid(field, "The text begins or ends with a space.")
	}
	return checkPlain(field, text, most)
}

// checkPlain checks that a text has at most so many characters, which any reader of codes shows: printable ASCII.
func checkPlain(field, text string, most int) error {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return fault.Invalid(field, "Only letters without accents, digits, spaces and punctuation are allowed (printable ASCII).")
		}
	}
	if len(text) > most {
		return fault.Invalid(field, "The text is too long for a code.")
	}
	return nil
}

func checkTxID(text string) error {
	if len(text) > MaxTxID {
		return fault.Invalid(fieldTxID, "At most 25 characters are allowed.")
	}
	for i := range len(text) {
		c := text[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return fault.Invalid(fieldTxID, "Only the characters A-Z a-z 0-9 are allowed.")
		}
	}
	return nil
}

// Plain returns a text as a code can carry it: letters without their accents, other characters outside ASCII left out,
// cut to at most so many characters. It is for names and cities, never for a key.
func Plain(text string, most int) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r < ' ' || r > '~':
			return -1
		}
		return r
	}, norm.NFD.String(text))
	plain = strings.Join(strings.Fields(plain), " ")
	return strings.TrimSpace(plain[:min(len(plain), most)])
}

func isDigits(text string, length int) bool {
	return len(text) == length && strings.Trim(text, "0123456789") == ""
}
