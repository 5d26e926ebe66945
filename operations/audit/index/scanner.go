package index

import (
	"encoding/json"
	"errors"
	"strings"
)

// kind is the kind of a JSON value.
type kind uint8

const (
	isNull kind = iota
	isText
	isNumber
	// isOther is true, false, an object or an array.
	isOther
)

// value is a value of an object: raw is the value as it is written, and text is the decoded
// text of a string.
type value struct {
	kind kind
	raw  string
	text string
}

var errJSON = errors.New("not a JSON object")

// scanner reads a flat object from the beginning of rest. It is handwritten, because the
// decoder of a library would take several times as long as all other work on a document.
type scanner struct{ rest string }

// object calls each for every member of an object, in their order.
func (s *scanner) object(each func(name string, value value)) error {
	if !s.next('{') {
		return errJSON
	}
	if s.next('}') {
		return s.end()
	}
	for {
		name, err := s.value()
		if err != nil || name.kind != isText || !s.next(':') {
			return errJSON
		}
		value, err := s.value()
		if err != nil {
			return err
		}
		each(name.text, value)
		switch {
		case s.next(','):
		case s.next('}'):
			return s.end()
		default:
			return errJSON
		}
	}
}

func (s *scanner) end() error {
	if s.skip(); s.rest != "" {
		return errJSON
	}
	return nil
}

func (s *scanner) skip() {
	for s.rest != "" && (s.rest[0] == ' ' || s.rest[0] == '\n' || s.rest[0] == '\t' || s.rest[0] == '\r') {
		s.rest = s.rest[1:]
	}
}

// next reads a sign if it comes next, and reports whether it did.
func (s *scanner) next(sign byte) bool {
	s.skip()
	if s.rest == "" || s.rest[0] != sign {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// value reads a value.
func (s *scanner) value() (value, error) {
	s.skip()
	if s.rest == "" {
		return value{}, errJSON
	}
	switch first := s.rest[0]; {
	case first == '"':
		return s.text()
	case first == '{' || first == '[':
		return s.nested()
	default:
		return s.bare()
	}
}

// text reads a string. The library decodes the few strings with escapes.
func (s *scanner) text() (value, error) {
	escaped := false
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			v := value{kind: isText, raw: s.rest[:i+1], text: s.rest[1:i]}
			s.rest = s.rest[i+1:]
			var err error
			if escaped {
				v.text, err = unescape(v.raw)
			}
			return v, err
		}
	}
	return value{}, errJSON
}

func unescape(raw string) (text string, err error) {
	if json.Unmarshal([]byte(raw), &text) != nil {
		return "", errJSON
	}
	return text, nil
}

// bare reads a number or a word.
func (s *scanner) bare() (value, error) {
	end := strings.IndexAny(s.rest, ",}] \n\t\r")
	if end < 1 {
		return value{}, errJSON
	}
	v := value{kind: isNumber, raw: s.rest[:end]}
	s.rest = s.rest[end:]
	switch {
	case v.raw == "null":
		v.kind = isNull
	case v.raw == "true" || v.raw == "false":
		v.kind = isOther
	case !plain(strings.TrimPrefix(v.raw, "-")) && !json.Valid([]byte(v.raw)):
		return value{}, errJSON
	}
	return v, nil
}

// plain reports whether text is 0, or digits that do not begin with 0.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != "" && (text[0] != '0' || len(text) == 1)
}

// nested reads a whole object or array.
func (s *scanner) nested() (value, error) {
	decoder := json.NewDecoder(strings.NewReader(s.rest))
	var raw json.RawMessage
	if err := decoder.Decode(&raw); err != nil {
		return value{}, errJSON
	}
	s.rest = s.rest[decoder.InputOffset():]
	return value{kind: isOther, raw: string(raw)}, nil
}
