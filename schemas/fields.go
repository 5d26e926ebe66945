package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Field is a field of the newest version of an Avro schema, with its bound.
type Field struct {
	Name string
	// Doc is what the schema says about the field; it may be empty.
	Doc string
	// Type is the Avro type without null: string, enum, int or long.
	Type string
	// Time says that the field is a time, in milliseconds since 1970.
	Time bool
	// Enum is the name of an enum, and Symbols are its symbols in the order of their numbers.
	Enum    string
	Symbols []string
	// Nullable says that the field may be null.
	Nullable bool
	// Since is the version that added the field.
	Since int
	Bound Bound
}

// Fields returns the fields of the newest version, in its order. The folder is one that Schemas takes.
func Fields(subjectFolder string) ([]Field, error) {
	versions, err := Schemas(subjectFolder)
	if err != nil {
		return nil, err
	}
	bounds, err := Bounds(subjectFolder)
	if err != nil {
		return nil, err
	}
	var fields []Field
	for _, version := range versions {
		var record struct{ Fields []schemaField }
		if err := json.Unmarshal([]byte(version.Schema), &record); err != nil {
			return nil, fmt.Errorf("schemas: version %d of %s: %w", version.Number, subjectFolder, err)
		}
		before := len(fields)
		for i, described := range record.Fields {
			f, err := described.field()
			if err != nil {
				return nil, fmt.Errorf("schemas: field %s of version %d of %s: %w", described.Name, version.Number, subjectFolder, err)
			}
			f.Since, f.Bound = version.Number, bounds[f.Name]
			if i < before { // a later version only appends
				f.Since = fields[i].Since
				fields[i] = f
				continue
			}
			fields = append(fields, f)
		}
	}
	return fields, nil
}

// schemaField is a field as the file has it. Its type is a name, an object, or a union of null with one
// of these.
type schemaField struct {
	Name, Doc string
	Type      json.RawMessage
}

func (d schemaField) field() (Field, error) {
	f, single := Field{Name: d.Name, Doc: d.Doc}, d.Type
	var union []json.RawMessage
	if json.Unmarshal(d.Type, &union) == nil {
		if len(union) != 2 {
			return Field{}, errors.New("a union holds null and one type")
		}
		f.Nullable, single = true, union[1]
	}
	if json.Unmarshal(single, &f.Type) == nil {
		return f, nil
	}
	var typ struct {
		Type, Name, LogicalType string
		Symbols                 []string
	}
	if err := json.Unmarshal(single, &typ); err != nil {
		return Field{}, err
	}
	f.Type, f.Enum, f.Symbols, f.Time = typ.Type, typ.Name, typ.Symbols, typ.LogicalType == "timestamp-millis"
	return f, nil
}
