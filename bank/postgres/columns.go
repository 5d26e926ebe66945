package postgres

import (
	"strconv"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/money"
)

// column is a column of a table of values T: how it is read and written. The statements are made from
// tables of columns, so that a column is named in one place.
type column[T any] struct {
	// name is the column of the table; empty for a value that belongs to another table and is only
	// read.
	name string
	kind columnType
	// put writes the column of a value.
	put func(*wire.Parameters, *T)
	// get reads the column into a value.
	get func(wire.Value, *T)
	// from is the expression that get reads; empty for the column itself.
	from string
	// cast turns an element of the array into the column; empty when it has the column's type.
	cast string
	// isNull reports whether put writes null; nil for a column that is never null.
	isNull func(*T) bool
}

// columnType is the type of a column: the type of the elements of its array, and its name.
type columnType struct {
	element uint32
	name    string
}

var (
	uuidType      = columnType{wire.TypeUUID, "uuid"}
	boolType      = columnType{wire.TypeBool, "boolean"}
	smallintType  = columnType{wire.TypeInt2, "smallint"}
	integerType   = columnType{wire.TypeInt4, "integer"}
	bigintType    = columnType{wire.TypeInt8, "bigint"}
	textType      = columnType{wire.TypeText, "text"}
	byteaType     = columnType{wire.TypeBytes, "bytea"}
	timestampType = columnType{wire.TypeTimestamp, "timestamptz"}
)

// The functions that make columns take the place of the column in a value.

func uuids[T any](name string, at func(*T) *bank.ID) column[T] {
	return column[T]{name: name, kind: uuidType,
		put: func(p *wire.Parameters, t *T) { p.UUID(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.UUID() }}
}

func texts[T any, S ~string](name string, at func(*T) *S) column[T] {
	return column[T]{name: name, kind: textType,
		put: func(p *wire.Parameters, t *T) { p.Text(string(*at(t))) }, get: func(v wire.Value, t *T) { *at(t) = S(v.Text()) }}
}

func smallints[T any, N ~uint8](name string, at func(*T) *N) column[T] {
	return column[T]{name: name, kind: smallintType,
		put: func(p *wire.Parameters, t *T) { p.Int2(uint8(*at(t))) }, get: func(v wire.Value, t *T) { *at(t) = N(v.Int2()) }}
}

func integers[T any](name string, at func(*T) *int32) column[T] {
	return column[T]{name: name, kind: integerType,
		put: func(p *wire.Parameters, t *T) { p.Int4(int(*at(t))) }, get: func(v wire.Value, t *T) { *at(t) = v.Int4() }}
}

func ints[T any](name string, at func(*T) *int) column[T] {
	return column[T]{name: name, kind: integerType,
		put: func(p *wire.Parameters, t *T) { p.Int4(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.Int() }}
}

func bigints[T any](name string, at func(*T) *int64) column[T] {
	return column[T]{name: name, kind: bigintType,
		put: func(p *wire.Parameters, t *T) { p.Int8(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.Int8() }}
}

func booleans[T any](name string, at func(*T) *bool) column[T] {
	return column[T]{name: name, kind: boolType,
		put: func(p *wire.Parameters, t *T) { p.Bool(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.Bool() }}
}

func hashes[T any](name string, at func(*T) *[32]byte) column[T] {
	return column[T]{name: name, kind: byteaType,
		put: func(p *wire.Parameters, t *T) { p.Bytes(at(t)[:]) }, get: func(v wire.Value, t *T) { *at(t) = v.Hash() }}
}

func blobs[T any](name string, at func(*T) *[]byte) column[T] {
	return column[T]{name: name, kind: byteaType,
		put: func(p *wire.Parameters, t *T) { p.Bytes(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.Bytes() }}
}

func currencies[T any](name string, at func(*T) *money.Currency) column[T] {
	return column[T]{name: name, kind: textType,
		put: func(p *wire.Parameters, t *T) { p.Text(at(t).String()) }, get: func(v wire.Value, t *T) { *at(t) = v.Currency() }}
}

func timestamps[T any](name string, at func(*T) *time.Time) column[T] {
	return column[T]{name: name, kind: timestampType,
		put: func(p *wire.Parameters, t *T) { p.Timestamp(*at(t)) }, get: func(v wire.Value, t *T) { *at(t) = v.Timestamp() }}
}

// nullable returns a column that is null for a value that has nothing there.
func nullable[T any](c column[T], isNull func(*T) bool) column[T] {
	put := c.put
	c.isNull = isNull
	c.put = func(p *wire.Parameters, t *T) {
		if isNull(t) {
			p.Null()
			return
		}
		put(p, t)
	}
	return c
}

func nullableUUIDs[T any](name string, at func(*T) *bank.ID) column[T] {
	return nullable(uuids(name, at), func(t *T) bool { return at(t).IsZero() })
}

func nullableTexts[T any, S ~string](name string, at func(*T) *S) column[T] {
	return nullable(texts(name, at), func(t *T) bool { return *at(t) == "" })
}

func nullableSmallints[T any, N ~uint8](name string, at func(*T) *N) column[T] {
	return nullable(smallints(name, at), func(t *T) bool { return *at(t) == 0 })
}

func nullableBigints[T any](name string, at func(*T) *int64) column[T] {
	return nullable(bigints(name, at), func(t *T) bool { return *at(t) == 0 })
}

func nullableTimestamps[T any](name string, at func(*T) *time.Time) column[T] {
	return nullable(timestamps(name, at), func(t *T) bool { return at(t).IsZero() })
}

// elsewhere returns a column that another table keeps: it is read by an expression and not written.
func elsewhere[T any](from string, c column[T]) column[T] {
	c.name, c.put, c.from = "", nil, from
	return c
}

// orElse returns a column whose value another table keeps, if there is a row of it.
func orElse[T any](from string, c column[T]) column[T] {
	c.from = from
	return c
}

// selected returns the columns as a SELECT reads them from a table with this alias.
func selected[T any](alias string, columns []column[T]) string {
	return list(columns, func(c *column[T]) string {
		if c.from != "" {
			return c.from
		}
		return alias + "." + c.name
	})
}

// named returns the names of the columns.
func named[T any](columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return c.name })
}

// read reads the columns that selected names.
func read[T any](row *wire.Row, columns []column[T], value *T) {
	for i := range columns {
		columns[i].get(row.Next(), value)
	}
}

// addColumns writes each column of values as a parameter.
func addColumns[T any](p *wire.Parameters, columns []column[T], values []T) {
	for i := range columns {
		wire.Column(p, columns[i].kind.element, values, columns[i].put)
	}
}

// addPointers is addColumns for values that are given as pointers.
func addPointers[T any](p *wire.Parameters, columns []column[T], values []*T) {
	for i := range columns {
		p.Array(columns[i].kind.element, len(values))
		for _, value := range values {
			columns[i].put(p, value)
		}
	}
}

// parameters numbers the parameters of one statement.
type parameters struct{ last int }

// array returns the next parameter as the elements of an array.
func (p *parameters) array(kind columnType) string {
	return "unnest(" + p.one(kind) + "[])"
}

// one returns the next parameter as a single value.
func (p *parameters) one(kind columnType) string {
	p.last++
	return "$" + strconv.Itoa(p.last) + "::" + kind.name
}

// arrays returns the parameters that addColumns writes, side by side.
func arrays[T any](p *parameters, columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return p.array(c.kind) + c.cast })
}

// namedArrays is arrays with the name of each column.
func namedArrays[T any](p *parameters, columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return p.array(c.kind) + " AS " + c.name })
}

// ones returns the parameters that addColumns writes for one value, as single values.
func ones[T any](p *parameters, columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return p.one(c.kind) + c.cast })
}

// assignments sets each column to the column of the same name in another table.
func assignments[T any](from string, columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return c.name + " = " + from + "." + c.name + c.cast })
}

// assignedOnes sets each column to a parameter that is a single value.
func assignedOnes[T any](p *parameters, columns []column[T]) string {
	return list(columns, func(c *column[T]) string { return c.name + " = " + p.one(c.kind) + c.cast })
}

func list[T any](columns []column[T], text func(*column[T]) string) string {
	parts := make([]string, len(columns))
	for i := range columns {
		parts[i] = text(&columns[i])
	}
	return strings.Join(parts, ", ")
}
