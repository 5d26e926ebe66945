package key

import (
	"codebank.dev/platform/fault"
	"codebank.dev/platform/mail/address"
	"codebank.dev/platform/pan"
)

const maxEmail = 77 // as in the directory of the central bank

// parseEmail returns an address in lower case. It refuses what is not ASCII, so that no two keys look alike.
func parseEmail(field, text string) (string, error) {
	normal, ok := address.Normal(text, maxEmail)
	if !ok || pan.In(normal) {
		return "", fault.Invalid(field, "This is not an e-mail address of at most 77 characters. Write it in ASCII, an international domain with xn--.")
	}
	return normal, nil
}
