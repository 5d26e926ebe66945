package field

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
)

// errContent is the cause of a refusal because of the content of a text.
var errContent = errors.New("the text holds what no text may hold")

// IsContent reports whether err refuses the content of a text: it has a card number, an
// invisible character, or no visible character. Every other refusal is about the form of a
// field. Requests with such content were accepted before these rules existed. A repeat of
// such a request is still answered with its first outcome.
func IsContent(err error) bool { return errors.Is(err, errContent) }

// First returns the first refusal because of the form of a field. If there is none, it
// returns the first refusal because of the content of a text, or nil.
func First(refusals ...error) error {
	var content error
	for _, refusal := range refusals {
		switch {
		case refusal == nil:
		case !IsContent(refusal):
			return refusal
		case content == nil:
			content = refusal
		}
	}
	return content
}

func refuseContent(field, message string) error {
	return fault.Invalid(field, message).Wrap(errContent)
}

// Word returns nil when text is 1 to 64 characters out of A-Z a-z 0-9 . _ : -, the form
// of every id that a caller chooses, and does not read as a card number (see pan.InID).
func Word(field, text string) error {
	if text == "" {
		return Required(field)
	}
	if len(text) > MaxWord {
		return fault.Invalid(field, "At most 64 characters are allowed.")
	}
	// inRow counts the digits of successive parts without a letter. Marks separate parts.
	inRow, longest, hasLetter := 0, 0, false
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			if inRow++; !hasLetter {
				longest = max(longest, inRow)
			}
		case c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			inRow, hasLetter = 0, true
		case c == '.' || c == '_' || c == ':' || c == '-':
			if hasLetter {
				inRow, hasLetter = 0, false
			}
		default:
			return fault.Invalid(field, "Only the characters A-Z a-z 0-9 . _ : - are allowed.")
		}
	}
	if longest >= pan.Shortest && pan.InID(text) {
		return refuseContent(field, "A card number must not be an id or a part of one.")
	}
	return nil
}

// OptionalWord is Word for an id that may be left out: an empty text is allowed.
func OptionalWord(field, text string) error {
	if text == "" {
		return nil
	}
	return Word(field, text)
}

// Text returns nil when text is an OptionalText with at least one visible character.
func Text(field, text string, limit int) error {
	if strings.TrimSpace(text) == "" {
		return Required(field)
	}
	if err := OptionalText(field, text, limit); err != nil {
		return err
	}
	if !strings.ContainsFunc(text, isVisible) {
		return refuseContent(field, "The text shows nothing.")
	}
	return nil
}

// OptionalText returns nil when text is valid UTF-8 of at most limit characters, without
// control characters, without characters that cannot be seen or that turn the direction of
// writing, and without a card number (see pan.In). It may be empty or spaces. It is the
// one check of free text of all programs; the text is stored and shown as it was sent.
func OptionalText(field, text string, limit int) error {
	if isPrintableASCII(text) {
		if len(text) > limit {
			return errTooLong(field)
		}
	} else if err := checkCharacters(field, text, limit); err != nil {
		return err
	}
	if pan.In(text) {
		return refuseContent(field, "A card number is not allowed here.")
	}
	return nil
}

// isPrintableASCII saves an ordinary text the checks of its characters.
func isPrintableASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

func checkCharacters(field, text string, limit int) error {
	if !utf8.ValidString(text) {
		return fault.Invalid(field, "The text is not valid UTF-8.")
	}
	if utf8.RuneCountInString(text) > limit {
		return errTooLong(field)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fault.Invalid(field, "Control characters are not allowed.")
	}
	if hasInvisible(text) {
		return refuseContent(field, "Invisible characters and characters that turn the direction of writing are not allowed.")
	}
	return nil
}

func errTooLong(field string) error { return fault.Invalid(field, "The text is too long.") }

// HolderName returns nil when name is a Text of 1 to 60 characters with at least one letter.
func HolderName(field, name string) error {
	if err := Text(field, name, MaxHolderName); err != nil {
		return err
	}
	if !strings.ContainsFunc(name, unicode.IsLetter) {
		return refuseContent(field, "A name has at least one letter.")
	}
	return nil
}

// hasInvisible reports whether a text has a character that is not visible, other than
// spaces.
func hasInvisible(text string) bool {
	before := rune(0)
	for _, r := range text {
		if r >= utf8.RuneSelf && isInvisible(r, before) {
			return true
		}
		before = r
	}
	return false
}

// isInvisible reports whether a character has no shape of its own: zero-width and
// bidirectional characters, joiners, fillers, tags, the byte order mark, separators of lines.
// These are the default ignorable code points of the Unicode Standard, section 5.21, and all
// other format characters but those that show a mark. A variation selector behind a symbol is
// allowed, because keyboards write one behind many of their pictures.
func isInvisible(r, before rune) bool {
	switch {
	case unicode.Is(unicode.Variation_Selector, r):
		return !unicode.IsSymbol(before)
	case unicode.Is(unicode.Cf, r):
		return !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Zl, unicode.Zp)
}

// blankPattern is the Braille pattern without dots: a symbol that shows nothing.
const blankPattern = '\u2800'

// isVisible reports whether a character shows something by itself.
func isVisible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != blankPattern &&
		!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
