package key

import (
	"strings"
	"unicode/utf8"
)

// hidden stands for what is not shown.
const hidden = "***"

// MaskName returns as much of a holder's name as a payer needs to see whom he pays: the first word, and of the others
// the first letter. Of a name of one word it is the first letter only.
func MaskName(name string) string {
	words := strings.Fields(name)
	for i, word := range words {
		if i > 0 || len(words) == 1 {
			first, _ := utf8.DecodeRuneInString(word)
			words[i] = string(first) + hidden
		}
	}
	return strings.Join(words, " ")
}

// MaskCPF returns a CPF with three digits left: ***.456.***-**. Of any other text nothing is left.
func MaskCPF(cpf string) string {
	middle := hidden
	if areDigits(cpf, cpfLength, cpfLength) {
		middle = cpf[3:6]
	}
	return "***." + middle + ".***-**"
}

// String returns the key as a log may have it: its kind, and no more.
func (k Key) String() string { return k.Kind.String() }

// GoString returns what String does.
func (k Key) GoString() string { return k.Kind.String() }
