package event

import (
	"errors"
	"fmt"
	"slices"

	"codebank.dev/schemas"
	"github.com/hamba/avro/v2"
)

// subjectFolder is the folder of the schema's versions in schemas/avro.
const subjectFolder = "transactions"

// NewDecoder returns a decoder for bodies that were written with an Avro schema. The
// registry has that schema under the id in the record's frame. Make one decoder for
// each schema, not for each record. It is an error if the schema is malformed, is not
// compatible with the newest schema here, or is not flat. An event holds no records,
// arrays or maps, so decoding never uses more memory than the body has.
func NewDecoder(writerSchema string) (*Decoder, error) {
	writer, err := parseRecord(writerSchema)
	if err != nil {
		return nil, fmt.Errorf("event: the writer's schema: %w", err)
	}
	newest, err := parseVersion(NewestVersion)
	if err != nil {
		return nil, err
	}
	return resolve(newest, writer)
}

// NewVersionDecoder returns a decoder for bodies that AppendTransaction wrote in a
// version. It is an error if the version does not exist.
func NewVersionDecoder(version int) (*Decoder, error) {
	newest, err := parseVersion(NewestVersion)
	if err != nil {
		return nil, err
	}
	writer, err := parseVersion(version)
	if err != nil {
		return nil, err
	}
	return resolve(newest, writer)
}

func parseVersion(number int) (*avro.RecordSchema, error) {
	versions, err := schemas.Schemas(subjectFolder)
	if err != nil {
		return nil, err
	}
	if number < 1 || number > len(versions) {
		return nil, fmt.Errorf("event: no version %d of the transaction's schema", number)
	}
	return parseRecord(versions[number-1].Schema)
}

// parseRecord parses with a cache of its own. The versions share the names of their
// types, and a shared cache would mix them up.
func parseRecord(schema string) (*avro.RecordSchema, error) {
	parsed, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	if err != nil {
		return nil, err
	}
	record, ok := parsed.(*avro.RecordSchema)
	if !ok {
		return nil, errors.New("not a record")
	}
	return record, nil
}

// resolve applies Avro's rules for reading with another schema than the writer's.
// newest describes the fields of Transaction, as a test proves.
func resolve(newest, writer *avro.RecordSchema) (*Decoder, error) {
	if err := avro.NewSchemaCompatibility().Compatible(newest, writer); err != nil {
		return nil, fmt.Errorf("event: the writer's schema: %w", err)
	}
	limits, err := schemas.Bounds(subjectFolder)
	if err != nil {
		return nil, err
	}
	d := &Decoder{}
	for _, written := range writer.Fields() {
		known := recordField(newest, written.Name())
		s, err := newStep(known, written)
		if err != nil {
			return nil, fmt.Errorf("event: the writer's field %s: %w", written.Name(), err)
		}
		s.bound = limits[written.Name()]
		if with := s.bound.With; s.into != nil && with != "" && recordField(writer, with) != nil {
			d.companions = append(d.companions, companion{field: s.into, with: fieldNamed(with)})
		}
		d.steps = append(d.steps, s)
	}
	for _, known := range newest.Fields() {
		if recordField(writer, known.Name()) != nil {
			continue
		}
		if err := setDefault(&d.empty, known); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func recordField(record *avro.RecordSchema, name string) *avro.Field {
	i := slices.IndexFunc(record.Fields(), func(f *avro.Field) bool { return f.Name() == name })
	if i < 0 {
		return nil
	}
	return record.Fields()[i]
}

// newStep returns the step that reads the field written. known is the field of the
// newest schema, or nil.
func newStep(known, written *avro.Field) (step, error) {
	s := step{name: written.Name()}
	if known != nil {
		s.into = fieldNamed(known.Name())
	}
	_, s.union = deref(written.Type()).(*avro.UnionSchema)
	for _, typ := range singles(written.Type()) {
		b, err := newBranch(known, typ)
		if err != nil {
			return step{}, err
		}
		s.branches = append(s.branches, b)
	}
	return s, nil
}

func newBranch(known *avro.Field, written avro.Schema) (branch, error) {
	switch written.Type() {
	case avro.Null:
		return branch{wire: wireNull}, nil
	case avro.Boolean:
		return branch{wire: wireSkip, size: 1}, nil
	case avro.Float:
		return branch{wire: wireSkip, size: 4}, nil
	case avro.Double:
		return branch{wire: wireSkip, size: 8}, nil
	case avro.Fixed:
		return branch{wire: wireSkip, size: written.(*avro.FixedSchema).Size()}, nil
	case avro.Int:
		return branch{wire: wireInt}, sameUnit(known, written)
	case avro.Long:
		return branch{wire: wireLong}, sameUnit(known, written)
	case avro.String, avro.Bytes:
		return branch{wire: wireBytes}, nil
	case avro.Enum:
		return branch{wire: wireEnum, symbols: readerSymbols(known, written.(*avro.EnumSchema).Symbols())}, nil
	default:
		return branch{}, fmt.Errorf("an event is flat and cannot hold a %s", written.Type())
	}
}

// readerSymbols returns the writer's symbols. The reader's default replaces symbols
// that are unknown here.
func readerSymbols(known *avro.Field, written []string) []string {
	if known == nil {
		return written
	}
	enum := enumOf(known.Type())
	if enum == nil {
		return written
	}
	symbols := slices.Clone(written)
	for i, symbol := range symbols {
		if !slices.Contains(enum.Symbols(), symbol) {
			symbols[i] = enum.Default()
		}
	}
	return symbols
}

// enumOf returns the enum that a type is, or that a union holds. It returns nil if
// there is none.
func enumOf(typ avro.Schema) *avro.EnumSchema {
	for _, single := range singles(typ) {
		if enum, ok := single.(*avro.EnumSchema); ok {
			return enum
		}
	}
	return nil
}

// sameUnit returns an error if a known number was written in another unit. Avro's rules
// would read microseconds as milliseconds.
func sameUnit(known *avro.Field, written avro.Schema) error {
	if known == nil {
		return nil
	}
	for _, single := range singles(known.Type()) {
		if single.Type() == avro.Null {
			continue
		}
		if want, have := logicalType(single), logicalType(written); want != have {
			return fmt.Errorf("its logical type is %q, not %q", have, want)
		}
	}
	return nil
}

func logicalType(typ avro.Schema) avro.LogicalType {
	if logical, ok := typ.(avro.LogicalTypeSchema); ok && logical.Logical() != nil {
		return logical.Logical().Type()
	}
	return ""
}

// singles returns the types of a union, or the type itself.
func singles(typ avro.Schema) []avro.Schema {
	typ = deref(typ)
	union, ok := typ.(*avro.UnionSchema)
	if !ok {
		return []avro.Schema{typ}
	}
	list := make([]avro.Schema, len(union.Types()))
	for i, inner := range union.Types() {
		list[i] = deref(inner)
	}
	return list
}

func setDefault(t *Transaction, known *avro.Field) error {
	switch value := known.Default().(type) {
	case nil:
		return nil
	case string:
		return t.Set(known.Name(), TextValue(value))
	case int:
		return t.Set(known.Name(), IntegerValue(int64(value)))
	case int64:
		return t.Set(known.Name(), IntegerValue(value))
	default:
		return fmt.Errorf("event: field %s has a default of type %T", known.Name(), value)
	}
}

func deref(schema avro.Schema) avro.Schema {
	if ref, ok := schema.(*avro.RefSchema); ok {
		return ref.Schema()
	}
	return schema
}
