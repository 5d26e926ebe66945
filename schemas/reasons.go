package schemas

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Texts is one text in every language that the system speaks. In a sentence, {} stands for a part that differs
// from answer to answer.
type Texts struct {
	English    string `yaml:"en"`
	Portuguese string `yaml:"pt-BR"`
}

// Class is a class of refusals, as its code names it on the wire.
type Class struct {
	Title Texts `yaml:"title"`
	// Next is what the caller does next.
	Next Texts `yaml:"next"`
}

// Reason is why a request is refused, or a transaction declined.
type Reason struct {
	// Classes are the codes with which the reason is answered; none if it only declines.
	Classes []string `yaml:"classes"`
	// Decline is what the payer reads; nil if the reason declines nothing.
	Decline *Texts `yaml:"decline"`
	// Messages are the sentences that are answered with the reason.
	Messages []Texts `yaml:"messages"`
}

// ReasonCatalogue is reasons.yaml: every reason, and what is said about it.
type ReasonCatalogue struct {
	Classes map[string]Class  `yaml:"classes"`
	Reasons map[string]Reason `yaml:"reasons"`
	// Words are parts of sentences that stand for {}.
	Words []Texts `yaml:"words"`
}

// ValidReason reports whether a text has the form of a reason: up to 64 capitals, digits and underscores.
func ValidReason(text string) bool { return reasonPattern.MatchString(text) }

var reasonPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// Reasons returns the catalogue. Its maps belong to every caller, who must not change them. It is an error if
// reasons.yaml breaks a rule; a test proves that it breaks none.
var Reasons = sync.OnceValues(func() (*ReasonCatalogue, error) {
	body, err := contracts.ReadFile("reasons.yaml")
	if err != nil {
		return nil, fmt.Errorf("schemas: %w", err)
	}
	catalogue, err := parseReasons(body)
	if err != nil {
		return nil, fmt.Errorf("schemas: reasons.yaml: %w", err)
	}
	return catalogue, nil
})

// parseReasons reads one document and refuses unknown keys.
func parseReasons(body []byte) (*ReasonCatalogue, error) {
	catalogue := &ReasonCatalogue{}
	decoder := yaml.NewDecoder(bytes.NewReader(body))
	decoder.KnownFields(true)
	if err := decoder.Decode(catalogue); err != nil {
		return nil, err
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	for name, class := range catalogue.Classes {
		if err := checkTexts(name, class.Title, class.Next); err != nil {
			return nil, err
		}
	}
	for name, reason := range catalogue.Reasons {
		texts := reason.Messages
		if reason.Decline != nil {
			texts = append(texts[:len(texts):len(texts)], *reason.Decline)
		}
		switch {
		case !ValidReason(name):
			return nil, fmt.Errorf("reason %q is not capitals, digits and underscores", name)
		case len(texts) == 0:
			return nil, fmt.Errorf("reason %s says nothing", name)
		}
		for _, code := range reason.Classes {
			if _, known := catalogue.Classes[code]; !known {
				return nil, fmt.Errorf("reason %s has the class %q, which is none", name, code)
			}
		}
		if err := checkTexts(name, texts...); err != nil {
			return nil, err
		}
	}
	return catalogue, checkTexts("words", catalogue.Words...)
}

var placeholder = regexp.MustCompile(`\{\}`)

// checkTexts refuses a text that lacks a language, or whose languages have not the same parts.
func checkTexts(of string, texts ...Texts) error {
	for _, text := range texts {
		english, portuguese := placeholder.FindAllString(text.English, -1), placeholder.FindAllString(text.Portuguese, -1)
		if text.English == "" || text.Portuguese == "" || len(english) != len(portuguese) {
			return fmt.Errorf("%s: %q is not there in every language, with the same parts", of, text.English)
		}
	}
	return nil
}
