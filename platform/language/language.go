// Package language says the sentences of the system in the language that a caller asks for. The sentences are
// those of schemas/reasons.yaml. English is the language of the source: it is what logs have, what programs
// say to each other, and what is answered when a sentence is not known in another language.
package language

import (
	"regexp"
	"strings"
	"sync"

	"codebank.dev/schemas"
	"golang.org/x/text/language"
)

// Tag is a language that the system speaks, as HTTP and RFC 5646 name it.
type Tag string

// The languages.
const (
	English    Tag = "en"
	Portuguese Tag = "pt-BR"
)

// maxHeader is the most bytes of a header that Choose reads.
const maxHeader = 512

var (
	tags    = []Tag{English, Portuguese}
	matcher = language.NewMatcher([]language.Tag{language.English, language.BrazilianPortuguese})
)

// Choose returns the language that suits the value of a header Accept-Language best (RFC 9110). It is English if
// the header is empty, malformed or longer than any browser sends, or asks for other languages only.
func Choose(header string) Tag {
	if header == "" || len(header) > maxHeader {
		return English
	}
	wanted, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(wanted) == 0 {
		return English
	}
	_, index, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return English
	}
	return tags[index]
}

// book are the sentences in Portuguese.
type book struct {
	whole    map[string]string
	patterns []pattern
}

// pattern is a sentence with parts that differ.
type pattern struct {
	english    *regexp.Regexp
	portuguese []string // what stands before, between and behind the parts
}

var books = sync.OnceValue(func() *book {
	b := &book{whole: map[string]string{}}
	catalogue, err := schemas.Reasons()
	if err != nil {
		return b // A test of the catalogue fails then; a program answers in English.
	}
	for _, reason := range catalogue.Reasons {
		b.add(reason.Messages...)
		if reason.Decline != nil {
			b.add(*reason.Decline)
		}
	}
	for _, class := range catalogue.Classes {
		b.add(class.Title, class.Next)
	}
	b.add(catalogue.Words...)
	return b
})

const part = "{}"

func (b *book) add(texts ...schemas.Texts) {
	for _, text := range texts {
		if !strings.Contains(text.English, part) {
			b.whole[text.English] = text.Portuguese
			continue
		}
		parts := strings.Split(text.English, part)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		b.patterns = append(b.patterns, pattern{
			english:    regexp.MustCompile(`^(?s:` + strings.Join(parts, `(.+?)`) + `)$`),
			portuguese: strings.Split(text.Portuguese, part),
		})
	}
}

// Translate returns an English sentence in a language. It is false if the sentence is not known there; the
// result is then the sentence as it was. Parts that differ from answer to answer are translated if they are known,
// and stay as they are otherwise.
func Translate(to Tag, sentence string) (string, bool) {
	if to != Portuguese || sentence == "" {
		return sentence, to == English
	}
	b := books()
	if text, known := b.whole[sentence]; known {
		return text, true
	}
	// The pattern with the shortest variable parts says the most about the sentence.
	best, shortest := "", len(sentence)+1
	for i := range b.patterns {
		found := b.patterns[i].english.FindStringSubmatch(sentence)
		if found == nil {
			continue
		}
		variable := 0
		for _, text := range found[1:] {
			variable += len(text)
		}
		if variable < shortest {
			best, shortest = b.patterns[i].fill(to, found[1:]), variable
		}
	}
	if best == "" {
		return sentence, false
	}
	return best, true
}

// fill returns the translation with its parts.
func (p *pattern) fill(to Tag, parts []string) string {
	var text strings.Builder
	text.WriteString(p.portuguese[0])
	for i, part := range parts {
		translated, _ := Translate(to, part)
		text.WriteString(translated)
		text.WriteString(p.portuguese[i+1])
	}
	return text.String()
}
