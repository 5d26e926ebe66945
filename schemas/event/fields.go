package event

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Type is the type of a field's values.
type Type int

// The types of fields. A timestamp is an Integer of milliseconds.
const (
	Text Type = iota + 1
	Enum
	Integer
)

// Field describes one field of the event. Its name is the same on the wire, in the
// table of a statement and in the index.
type Field struct {
	Name     string
	Type     Type
	Nullable bool
	// Time says that the field is a time, in milliseconds since 1970.
	Time bool
	// Internal says that the field describes the work of the bank's programs or the bank's view of a
	// payer, and not what happened to the account. No statement of a customer keeps it.
	Internal bool
}

// Value is the value of one field. The zero value is null. Two values are equal if ==
// holds.
type Value struct {
	// Type is 0 for null, Text (also for an enum) or Integer.
	Type    Type
	Text    string
	Integer int64
}

// TextValue returns a value for a field of type Text or Enum. An empty text gives null.
func TextValue(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{Type: Text, Text: text}
}

// IntegerValue returns a value for a field of type Integer.
func IntegerValue(n int64) Value { return Value{Type: Integer, Integer: n} }

// String returns the value as text for people: null, a number, or quoted text.
func (v Value) String() string {
	switch v.Type {
	case Text:
		return strconv.Quote(v.Text)
	case Integer:
		return strconv.FormatInt(v.Integer, 10)
	default:
		return "null"
	}
}

// Fields returns every field of the event, in the order of the schema.
func Fields() []Field {
	list := make([]Field, len(fields))
	for i := range fields {
		list[i] = fields[i].Field
	}
	return list
}

// Get returns the field of t with the name. It is an error if there is no such field.
func (t *Transaction) Get(name string) (Value, error) {
	f := fieldNamed(name)
	if f == nil {
		return Value{}, fmt.Errorf("event: no field %q", name)
	}
	return f.get(t), nil
}

// Set sets the field of t with the name. It is for a copy of an event that is read back
// field by field. An enum symbol that is unknown here is kept as it is, so that a
// comparison shows it. If there is no such field, or if the value does not have the
// field's type, Set returns an error and changes nothing.
func (t *Transaction) Set(name string, value Value) error {
	f := fieldNamed(name)
	if f == nil {
		return fmt.Errorf("event: no field %q", name)
	}
	integer := f.Type == Integer
	switch {
	case value.Type == 0 && !f.Nullable && integer:
		return fmt.Errorf("event: field %s cannot be null", name)
	case value.Type != 0 && integer != (value.Type == Integer):
		return fmt.Errorf("event: field %s cannot be %s", name, value)
	case f.narrow && value.Integer != int64(int32(value.Integer)):
		return fmt.Errorf("event: field %s cannot be %s: at most %d", name, value, math.MaxInt32)
	}
	f.set(t, value)
	return nil
}

// field is a Field with the functions that read and write it in a Transaction. set
// takes null, or a value of the field's type.
type field struct {
	Field
	narrow  bool     // the field is an Avro int, not a long
	symbols []string // the symbols of an enum
	get     func(*Transaction) Value
	set     func(*Transaction, Value)
	// append appends the Avro value of the field, as a version has it, or returns what is wrong with
	// the value.
	append func(*column, []byte, *Transaction) ([]byte, string)
}

func fieldNamed(name string) *field {
	i := slices.IndexFunc(fields, func(f field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &fields[i]
}

// texts returns a text field, or an enum field if there are symbols.
func texts[S ~string](name string, symbols []string, at func(*Transaction) *S) field {
	f := field{
		Field:   Field{Name: name, Type: Text},
		symbols: symbols,
		get:     func(t *Transaction) Value { return TextValue(string(*at(t))) },
		set:     func(t *Transaction, v Value) { *at(t) = S(v.Text) },
		append:  func(c *column, out []byte, t *Transaction) ([]byte, string) { return c.appendText(out, string(*at(t))) },
	}
	if symbols != nil {
		f.Type = Enum
		f.append = func(c *column, out []byte, t *Transaction) ([]byte, string) {
			return c.appendSymbol(out, string(*at(t)))
		}
	}
	return f
}

func text(name string, at func(*Transaction) *string) field { return texts(name, nil, at) }

func long(name string, at func(*Transaction) *int64) field {
	return field{
		Field: Field{Name: name, Type: Integer},
		get:   func(t *Transaction) Value { return IntegerValue(*at(t)) },
		set:   func(t *Transaction, v Value) { *at(t) = v.Integer },
		append: func(c *column, out []byte, t *Transaction) ([]byte, string) {
			return appendNumber(out, *at(t), &c.bound)
		},
	}
}

// optionals returns a nullable field of integers.
func optionals[I int32 | int64](name string, at func(*Transaction) *Optional[I]) field {
	_, narrow := any(I(0)).(int32)
	return field{
		Field:  Field{Name: name, Type: Integer, Nullable: true},
		narrow: narrow,
		get: func(t *Transaction) Value {
			if o := at(t); o.Present {
				return IntegerValue(int64(o.Value))
			}
			return Value{}
		},
		set: func(t *Transaction, v Value) {
			*at(t) = Optional[I]{Value: I(v.Integer), Present: v.Type == Integer}
		},
		append: func(c *column, out []byte, t *Transaction) ([]byte, string) {
			if o := at(t); o.Present {
				return appendNumber(append(out, branchOne), int64(o.Value), &c.bound)
			}
			return append(out, branchNull), ""
		},
	}
}

func timestamp(f field) field {
	f.Time = true
	return f
}

func internal(f field) field {
	f.Internal = true
	return f
}

func nullable(f field) field {
	f.Nullable = true
	return f
}
