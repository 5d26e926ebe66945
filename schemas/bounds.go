package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
)

// Bound limits the values of one field, and says who keeps it. The zero Bound allows no value but
// null.
type Bound struct {
	// Longest is the most bytes of a text in UTF-8, or of an enum's symbol. It is 0 for a
	// number.
	Longest int `json:"longest"`
	// Least and Most are the range of a number, both inclusive. A time is milliseconds
	// since 1970.
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	// Required says that the field is neither null nor an empty text.
	Required bool `json:"required"`
	// With names a field. The two are null together or not at all.
	With string `json:"with"`
	// Internal says that the field describes the work of the bank's programs or the bank's view of a
	// payer, and not what happened to the account. No statement of a customer keeps it.
	Internal bool `json:"internal"`
	// Index says what the search index does with the field.
	Index IndexUse `json:"index"`
}

// IndexUse is what the search index does with a field.
type IndexUse string

// The uses. The empty one is both: the field is searched, and it is counted and sorted.
const (
	// Shown is for a field that is counted, sorted and shown, and never searched.
	Shown IndexUse = "shown"
	// Found is for a field by which single events are found, and which is never counted.
	Found IndexUse = "found"
)

// Bounds returns the bound of every field of an Avro schema, by the field's name. The
// folder is one that Schemas takes. The bounds hold for every version. Writers refuse a
// value outside its bound, because some reader could not store it or show it. Readers
// refuse it too, because another program may have written it. A bound may only become
// wider, and readers become wider before writers.
func Bounds(subjectFolder string) (map[string]Bound, error) {
	content, err := contracts.ReadFile(path.Join("bounds", subjectFolder+".json"))
	if err != nil || path.Dir(path.Join("bounds", subjectFolder)) != "bounds" {
		return nil, fmt.Errorf("schemas: no file bounds/%s.json", subjectFolder)
	}
	bounds, err := parseBounds(content)
	if err != nil {
		return nil, fmt.Errorf("schemas: bounds/%s.json: %w", subjectFolder, err)
	}
	return bounds, nil
}

// parseBounds reads a file of bounds strictly. A test proves that the files break no rule.
func parseBounds(content []byte) (map[string]Bound, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var bounds map[string]Bound
	if err := decoder.Decode(&bounds); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the bounds")
	}
	for name, bound := range bounds {
		text, number := bound.Longest > 0, bound.Least < bound.Most
		if text == number || bound.Longest < 0 || text && bound.Least != bound.Most {
			return nil, fmt.Errorf("field %s needs a length or a range", name)
		}
		if bound.Index != "" && bound.Index != Shown && bound.Index != Found {
			return nil, fmt.Errorf("field %s has no index use %q", name, bound.Index)
		}
		if _, there := bounds[bound.With]; bound.With != "" && !there {
			return nil, fmt.Errorf("field %s comes with %s, which has no bound", name, bound.With)
		}
	}
	return bounds, nil
}
