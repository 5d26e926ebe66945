package event

import (
	"slices"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"

	"codebank.dev/schemas"
)

// write writes every field of an event in the newest version without any check, as a
// foreign program could.
func write(t *testing.T, tx *Transaction) []byte {
	t.Helper()
	columns, err := columnsOf(NewestVersion)
	require.NoError(t, err)
	var body []byte
	for _, c := range columns {
		c.bound = schemas.Bound{Longest: 1 << 30, Least: -1 << 63, Most: 1<<63 - 1}
		body, _ = c.append(&c, body, tx)
	}
	return body
}

// A value at its bound is written and read. A value beyond its bound is neither, whoever
// wrote it, and the error names the field.
func TestAValueBeyondItsBoundIsNeitherWrittenNorRead(t *testing.T) {
	decoder, err := NewVersionDecoder(NewestVersion)
	require.NoError(t, err)
	columns, err := columnsOf(NewestVersion)
	require.NoError(t, err)
	for i := range fields {
		f, bound := &fields[i], columns[i].bound
		if f.Type == Enum {
			for _, symbol := range f.symbols {
				require.LessOrEqual(t, len(symbol), bound.Longest, f.Name)
			}
			continue
		}
		var inside, outside []Value
		if f.Type == Text {
			inside = append(inside, TextValue(strings.Repeat("x", bound.Longest)))
			outside = append(outside, TextValue(strings.Repeat("x", bound.Longest+1)), TextValue(strings.Repeat("€", bound.Longest/3+1)))
			if bound.Required {
				outside = append(outside, TextValue(""))
			}
		} else {
			inside = append(inside, IntegerValue(bound.Least), IntegerValue(bound.Most))
			outside = append(outside, IntegerValue(bound.Least-1))
			if !f.narrow || bound.Most < 1<<31-1 {
				outside = append(outside, IntegerValue(bound.Most+1))
			}
		}
		for _, value := range inside {
			tx := with(f, value)
			if f.Name != "event_id" { // which follows from other fields
				_, err := AppendTransaction(nil, NewestVersion, &tx)
				require.NoError(t, err, f.Name)
			}
			require.NoError(t, decoder.Decode(write(t, &tx), &Transaction{}), f.Name)
		}
		for _, value := range outside {
			tx := with(f, value)
			_, err := AppendTransaction(nil, NewestVersion, &tx)
			requireNames(t, f.Name, err)
			requireNames(t, f.Name, decoder.Decode(write(t, &tx), &Transaction{}))
		}
	}
}

// with returns a purchase with another value of a field. Its event id fits, unless the
// field is the event id.
func with(f *field, value Value) Transaction {
	tx := purchase()
	f.set(&tx, value)
	if f.Name != "event_id" {
		tx.EventID = ID(tx.AccountID, tx.Sequence.Value)
	}
	return tx
}

func requireNames(t *testing.T, field string, err error) {
	t.Helper()
	var refused *FieldError
	require.ErrorAs(t, err, &refused, field)
	require.Equal(t, field, refused.Field)
}

// A reader would not know what an account's event without its figures leaves behind.
func TestAFigureOfTheAccountComesWithTheAccount(t *testing.T) {
	decoder, err := NewVersionDecoder(NewestVersion)
	require.NoError(t, err)
	figures := []string{"sequence", "balance_after_minor", "held_after_minor", "available_after_minor", "credit_limit_minor"}
	for _, name := range figures {
		f := fieldNamed(name)
		alone, without := unknownCard(), purchase()
		f.set(&alone, IntegerValue(1))
		f.set(&without, Value{})
		for _, tx := range []Transaction{alone, without} {
			_, err := AppendTransaction(nil, NewestVersion, &tx)
			requireNames(t, name, err)
			requireNames(t, name, decoder.Decode(write(t, &tx), &Transaction{}))
		}
	}
	all, err := schemas.Bounds(subjectFolder)
	require.NoError(t, err)
	for name, bound := range all {
		require.Equal(t, slices.Contains(figures, name), bound.With == "account_id", name)
	}
}

// The bounds are those of the fields of the schema, by their types, and every reader finds
// a required field in every version.
func TestEveryFieldHasABoundOfItsType(t *testing.T) {
	for _, subject := range []string{subjectFolder, watermarkFolder} {
		limits, err := schemas.Bounds(subject)
		require.NoError(t, err)
		versions, err := schemas.Schemas(subject)
		require.NoError(t, err)
		for i, version := range versions {
			record, err := parseRecord(version.Schema)
			require.NoError(t, err)
			for _, f := range record.Fields() {
				bound, there := limits[f.Name()]
				require.True(t, there, "%s has no bound", f.Name())
				types := singles(f.Type())
				switch types[len(types)-1].Type() {
				case avro.String, avro.Enum:
					require.Positive(t, bound.Longest, f.Name())
				default:
					require.Less(t, bound.Least, bound.Most, f.Name())
				}
				require.Equal(t, len(types) == 1, bound.Required, "%s is nullable or required", f.Name())
			}
			if i == len(versions)-1 {
				require.Len(t, record.Fields(), len(limits))
			}
		}
	}
}

// A program that knows only an earlier version recognizes an event by the fields of that
// version, because a later version only appends fields.
func TestAVersionBeginsWithTheFieldsOfTheVersionBefore(t *testing.T) {
	for version := 2; version <= NewestVersion; version++ {
		before, err := parseVersion(version - 1)
		require.NoError(t, err)
		after, err := parseVersion(version)
		require.NoError(t, err)
		for i, f := range before.Fields() {
			require.Equal(t, f.Name(), after.Fields()[i].Name())
			if enum := enumOf(f.Type()); enum != nil { // which may have more symbols
				require.Equal(t, len(singles(f.Type())), len(singles(after.Fields()[i].Type())), f.Name())
				require.Equal(t, enum.FullName(), enumOf(after.Fields()[i].Type()).FullName(), f.Name())
				continue
			}
			require.Equal(t, f.Type().Fingerprint(), after.Fields()[i].Type().Fingerprint(), f.Name())
		}
	}
}
