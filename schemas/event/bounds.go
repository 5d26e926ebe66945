package event

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"codebank.dev/schemas"
)

// watermarkBounds returns the bounds of watermarkFields, in the same order. An error means that
// a field has no bound, which a test excludes.
var watermarkBounds = sync.OnceValues(func() ([]schemas.Bound, error) {
	all, err := schemas.Bounds(watermarkFolder)
	if err != nil {
		return nil, err
	}
	list := make([]schemas.Bound, len(watermarkFields))
	for i, name := range watermarkFields {
		bound, there := all[name]
		if !there {
			return nil, fmt.Errorf("event: field %s has no bound", name)
		}
		list[i] = bound
	}
	return list, nil
})

// watermarkFolder is the folder of the watermark's versions, and watermarkFields are its
// fields in the order of the schema.
const watermarkFolder = "watermarks"

var watermarkFields = []string{"bank_code", "partition", "offset", "complete_to", "published_at"}

// textProblem returns what is wrong with a text, or with a symbol of an enum: the end of
// a sentence that begins with the field's name. It is empty for a text within the bound.
// An empty text is null.
func textProblem(s string, bound *schemas.Bound) string {
	switch {
	case s == "" && bound.Required:
		return "is required"
	case len(s) > bound.Longest:
		return fmt.Sprintf("has %d bytes, more than %d", len(s), bound.Longest)
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.IndexByte(s, 0) >= 0:
		return "holds U+0000"
	}
	return ""
}

// numberProblem is textProblem for a number that is not null.
func numberProblem(n int64, bound *schemas.Bound) string {
	if n < bound.Least || n > bound.Most {
		return fmt.Sprintf("is %d, not %d to %d", n, bound.Least, bound.Most)
	}
	return ""
}

// problem returns what is wrong with a value.
func problem(value Value, bound *schemas.Bound) string {
	switch {
	case value.Type == Integer:
		return numberProblem(value.Integer, bound)
	case bound.Longest > 0:
		return textProblem(value.Text, bound)
	case bound.Required:
		return "is required"
	}
	return ""
}

// companion is a field that is null exactly when another one is.
type companion struct{ field, with *field }

// check returns a FieldError if only one of the two is null.
func (c companion) check(t *Transaction) error {
	if null := c.field.get(t).Type == 0; null != (c.with.get(t).Type == 0) {
		if null {
			return &FieldError{Field: c.field.Name, Problem: "is null, but " + c.with.Name + " is not"}
		}
		return &FieldError{Field: c.field.Name, Problem: "is not null, but " + c.with.Name + " is"}
	}
	return nil
}
