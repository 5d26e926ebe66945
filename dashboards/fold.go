package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// folded lists, for each type, the attributes that Kibana keeps as text that holds
// JSON. The files hold them as JSON, so that a diff shows changes line by line.
var folded = map[string][]string{
	"dashboard": {
		"controlGroupInput.ignoreParentSettingsJSON", "controlGroupInput.panelsJSON", "kibanaSavedObjectMeta.searchSourceJSON",
		"optionsJSON", "panelsJSON",
	},
	"index-pattern": {"fieldAttrs", "fieldFormatMap", "fields", "runtimeFieldMap", "sourceFilters", "typeMeta"},
	"search":        {"kibanaSavedObjectMeta.searchSourceJSON"},
	"visualization": {"kibanaSavedObjectMeta.searchSourceJSON", "uiStateJSON", "visState"},
	"map":           {"layerListJSON", "mapStateJSON", "uiStateJSON"},
}

// importOrder orders the types so that every object follows the objects that it refers
// to.
var importOrder = []string{"tag", "index-pattern", "search", "lens", "visualization", "map", "dashboard"}

// NDJSON returns all saved objects in Kibana's import format: one object in each line,
// referenced objects before the objects that refer to them, with a newline at the end.
func NDJSON() ([]byte, error) {
	objects, err := Objects()
	if err != nil {
		return nil, err
	}
	return Lines(objects)
}

// Lines folds objects and writes each into one line, like NDJSON. It leaves out alert
// rules, because they are not saved objects and cannot be imported.
func Lines(objects []Object) ([]byte, error) {
	ordered := slices.DeleteFunc(slices.Clone(objects), func(o Object) bool { return o.Type == Rule })
	slices.SortStableFunc(ordered, func(a, b Object) int {
		return slices.Index(importOrder, a.Type) - slices.Index(importOrder, b.Type)
	})
	var lines bytes.Buffer
	for _, object := range ordered {
		if !slices.Contains(importOrder, object.Type) {
			return nil, fmt.Errorf("dashboards: %s/%s has a type that cannot be imported", object.Type, object.ID)
		}
		line, err := Fold(object)
		if err != nil {
			return nil, err
		}
		lines.Write(line.Body)
		lines.WriteByte('\n')
	}
	return lines.Bytes(), nil
}

// Fold returns an object in Kibana's own form, in one line: attributes that Kibana keeps
// as text become text that holds JSON. An attribute that is already text is an error.
func Fold(o Object) (Object, error) {
	return o.changed(func(value any) (any, error) {
		if _, isText := value.(string); isText {
			return nil, fmt.Errorf("is folded already")
		}
		text, err := compact(value)
		return string(text), err
	}, compact)
}

// Unfold returns an object in the form of its file. It reverses Fold.
func Unfold(o Object) (Object, error) {
	return o.changed(func(value any) (any, error) {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("is not folded")
		}
		return decode([]byte(text))
	}, JSON)
}

// changed applies a change to every attribute that Kibana keeps as text, and writes the
// object again. It does not add attributes that are missing.
func (o Object) changed(change func(any) (any, error), write func(any) ([]byte, error)) (Object, error) {
	body, err := decode(o.Body)
	if err != nil {
		return Object{}, fmt.Errorf("dashboards: %s/%s: %w", o.Type, o.ID, err)
	}
	whole, _ := body.(map[string]any)
	attributes, ok := whole["attributes"].(map[string]any)
	if !ok {
		return Object{}, fmt.Errorf("dashboards: %s/%s has no attributes", o.Type, o.ID)
	}
	for _, path := range folded[o.Type] {
		holder, last := attributes, path
		if outer, inner, nested := strings.Cut(path, "."); nested {
			holder, _ = attributes[outer].(map[string]any)
			last = inner
		}
		value, present := holder[last]
		if !present {
			continue
		}
		if holder[last], err = change(value); err != nil {
			return Object{}, fmt.Errorf("dashboards: %s/%s: attribute %s %w", o.Type, o.ID, path, err)
		}
	}
	o.Body, err = write(body)
	return o, err
}

// decode reads one JSON document. Numbers keep the form in which they are written.
func decode(content []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("is not JSON: %w", err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("is more than one document")
	}
	return value, nil
}

func compact(value any) ([]byte, error) {
	text, err := JSON(value)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = json.Compact(&b, text)
	return b.Bytes(), err
}

// JSON writes a value in the form of the files: keys in order, indented, with a newline
// at the end.
func JSON(value any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return b.Bytes(), err
}
