package command

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"
	"unicode/utf8"

	"codebank.dev/schemas"
	"github.com/hamba/avro/v2"
)

// MaxBody is the most bytes of a body that a Decoder reads. No record that Encode makes of valid values comes
// near it.
const MaxBody = 64 << 10

// Version is the version of the schemas that Encode writes.
const Version = 1

// ErrTooLong says that a body has more than MaxBody bytes.
var ErrTooLong = errors.New("command: the body is too long")

// Message is a type of this package that travels as a record.
type Message interface {
	Command | Result | StatementRequest | ChargeRequest | ChargeResult | ChargeEvent | PixMessage | PixPayment
}

// contract is the schema of a Message and the order of its fields in the Go type.
type contract struct {
	folder string
	schema *avro.RecordSchema
}

var contracts = sync.OnceValues(func() (map[reflect.Type]*contract, error) {
	all := map[reflect.Type]*contract{
		reflect.TypeFor[Command]():          {folder: "commands"},
		reflect.TypeFor[Result]():           {folder: "command-results"},
		reflect.TypeFor[StatementRequest](): {folder: "statement-requests"},
		reflect.TypeFor[ChargeRequest]():    {folder: "charges"},
		reflect.TypeFor[ChargeResult]():     {folder: "charge-results"},
		reflect.TypeFor[ChargeEvent]():      {folder: "charge-events"},
		reflect.TypeFor[PixMessage]():       {folder: "pix-messages"},
		reflect.TypeFor[PixPayment]():       {folder: "pix-payments"},
	}
	for message, c := range all {
		versions, err := schemas.Schemas(c.folder)
		if err != nil {
			return nil, err
		}
		if c.schema, err = recordSchema(versions[Version-1].Schema); err != nil {
			return nil, err
		}
		if want, got := message.NumField(), len(c.schema.Fields()); want != got {
			return nil, fmt.Errorf("command: %s has %d fields, avro/%s %d", message, want, c.folder, got)
		}
	}
	return all, nil
})

// recordSchema reads a schema with a cache of its own: schemas share the names of their types.
func recordSchema(schema string) (*avro.RecordSchema, error) {
	parsed, err := avro.ParseWithCache(schema, "", &avro.SchemaCache{})
	if err != nil {
		return nil, err
	}
	record, ok := parsed.(*avro.RecordSchema)
	if !ok {
		return nil, errors.New("command: the schema is not a record")
	}
	return record, nil
}

// Folder returns the folder of a message's schema, as schemas.Schemas takes it.
func Folder[M Message]() string {
	all, err := contracts()
	if err != nil {
		return ""
	}
	return all[reflect.TypeFor[M]()].folder
}

// Encode returns the Avro body of a message, without a frame. An enum that holds no symbol of the schema is an
// error.
func Encode[M Message](message *M) ([]byte, error) {
	all, err := contracts()
	if err != nil {
		return nil, err
	}
	c := all[reflect.TypeFor[M]()]
	value := reflect.ValueOf(message).Elem()
	record := make(map[string]any, value.NumField())
	for i, field := range c.schema.Fields() {
		record[field.Name()] = toAvro(value.Field(i), field.Type())
	}
	body, err := avro.Marshal(c.schema, record)
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	return body, nil
}

// toAvro returns the value of a field as the library takes it.
func toAvro(value reflect.Value, schema avro.Schema) any {
	if schema.Type() == avro.Union && value.IsZero() {
		return nil
	}
	if value.Kind() == reflect.String {
		return value.String()
	}
	return value.Int()
}

// Decoder reads bodies of one message that were written with one schema. It is immutable and safe for
// concurrent use.
type Decoder[M Message] struct {
	schema avro.Schema
	fields []string
}

// NewDecoder returns a decoder for bodies that were written with a schema; the empty schema is Version. It is
// an error if a reader of Version cannot read bodies of that schema.
func NewDecoder[M Message](writerSchema string) (*Decoder[M], error) {
	all, err := contracts()
	if err != nil {
		return nil, err
	}
	reader := all[reflect.TypeFor[M]()].schema
	d := &Decoder[M]{schema: reader}
	for _, field := range reader.Fields() {
		d.fields = append(d.fields, field.Name())
	}
	if writerSchema == "" {
		return d, nil
	}
	writer, err := recordSchema(writerSchema)
	if err != nil {
		return nil, fmt.Errorf("command: the writer's schema: %w", err)
	}
	if d.schema, err = avro.NewSchemaCompatibility().Resolve(reader, writer); err != nil {
		return nil, fmt.Errorf("command: the writer's schema: %w", err)
	}
	return d, nil
}

// Decode reads a complete body. The texts of the message are copies. A symbol that is unknown here becomes
// UNKNOWN. Bodies that are too long, end early or go on behind the last field are errors; the values of the
// fields are not judged.
func (d *Decoder[M]) Decode(body []byte) (M, error) {
	var message, none M
	if len(body) > MaxBody {
		return none, fmt.Errorf("%w: %d bytes", ErrTooLong, len(body))
	}
	reader := avro.NewReader(nil, 0).Reset(body)
	record := map[string]any{}
	reader.ReadVal(d.schema, &record)
	if reader.Error != nil {
		return none, fmt.Errorf("command: %w", reader.Error)
	}
	if reader.Peek(); reader.Error == nil {
		return none, errors.New("command: bytes after the last field")
	}
	value := reflect.ValueOf(&message).Elem()
	for i, name := range d.fields {
		if err := fromAvro(value.Field(i), record[name]); err != nil {
			return none, fmt.Errorf("command: field %s: %w", name, err)
		}
	}
	return message, nil
}

// fromAvro stores what the library read into a field.
func fromAvro(into reflect.Value, read any) error {
	switch read := read.(type) {
	case nil:
		return nil
	case string:
		if into.Kind() == reflect.String {
			if !utf8.ValidString(read) {
				return errors.New("the text is not UTF-8")
			}
			into.SetString(read)
			return nil
		}
	case int64:
		if into.Kind() == reflect.Int64 {
			into.SetInt(read)
			return nil
		}
	case time.Time:
		if into.Kind() == reflect.Int64 {
			into.SetInt(read.UnixMilli())
			return nil
		}
	}
	return fmt.Errorf("a %T is not expected", read)
}
