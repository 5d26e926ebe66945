package event

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"codebank.dev/schemas"
	"github.com/hamba/avro/v2"
	"github.com/stretchr/testify/require"
)

func allVersions(t *testing.T) []*avro.RecordSchema {
	t.Helper()
	versions, err := schemas.Schemas(subjectFolder)
	require.NoError(t, err)
	require.Len(t, versions, NewestVersion, "NewestVersion must match the folder of the schema")
	records := make([]*avro.RecordSchema, len(versions))
	for i := range versions {
		records[i], err = parseVersion(i + 1)
		require.NoError(t, err)
	}
	return records
}

// BACKWARD_TRANSITIVE: a reader of version n reads all earlier versions.
func TestEveryVersionReadsAllItsPredecessors(t *testing.T) {
	for n, reader := range allVersions(t) {
		for m, writer := range allVersions(t)[:n+1] {
			requireReads(t, reader, writer, fmt.Sprintf("version %d reads version %d", n+1, m+1), m+1)
		}
	}
}

// No reader has to be deployed before a new writer.
func TestTheFirstVersionReadsTheNewest(t *testing.T) {
	versions := allVersions(t)
	requireReads(t, versions[0], versions[len(versions)-1], "version 1 reads the newest", NewestVersion)
}

func requireReads(t *testing.T, reader, writer *avro.RecordSchema, rule string, written int) {
	t.Helper()
	t.Run(rule, func(t *testing.T) {
		compatibility := avro.NewSchemaCompatibility()
		require.NoError(t, compatibility.Compatible(reader, writer))
		resolved, err := compatibility.Resolve(reader, writer)
		require.NoError(t, err)
		for _, tx := range []Transaction{purchase(), unknownCard()} {
			body, err := AppendTransaction(nil, written, &tx)
			require.NoError(t, err)
			read, err := foreign(resolved, body)
			require.NoError(t, err)
			for _, field := range reader.Fields() {
				if recordField(writer, field.Name()) == nil {
					continue
				}
				want, err := tx.Get(field.Name())
				require.NoError(t, err)
				require.Equal(t, want, read[field.Name()], field.Name())
			}
		}
	})
}

func TestTheGoTypeMirrorsTheNewestSchema(t *testing.T) {
	newest := allVersions(t)[NewestVersion-1]
	require.Len(t, fields, len(newest.Fields()))
	for i, described := range newest.Fields() {
		f := fields[i]
		t.Run(described.Name(), func(t *testing.T) {
			require.Equal(t, described.Name(), f.Name)
			union, isUnion := described.Type().(*avro.UnionSchema)
			require.Equal(t, isUnion, f.Nullable)
			single := deref(described.Type())
			if isUnion {
				require.Len(t, union.Types(), 2)
				require.Equal(t, avro.Null, union.Types()[0].Type(), "branch 0 is null")
				require.True(t, described.HasDefault())
				require.Nil(t, described.Default(), "an optional field is null by default")
				single = deref(union.Types()[1])
			}
			require.Empty(t, described.Aliases(), "decoding goes by the name alone")
			switch f.Type {
			case Enum:
				enum, ok := single.(*avro.EnumSchema)
				require.True(t, ok)
				require.Equal(t, enum.Symbols(), f.symbols)
				require.Equal(t, "UNKNOWN", enum.Default())
			case Text:
				require.Equal(t, avro.String, single.Type())
			case Integer:
				require.Equal(t, f.narrow, single.Type() == avro.Int)
				require.Equal(t, f.narrow, single.Type() != avro.Long)
				require.Equal(t, f.Time, logicalType(single) == avro.TimestampMillis)
			}
		})
	}
}

// AppendTransaction writes the fields in one order, so a version may only append.
func TestAVersionOnlyAppendsFieldsAndSymbols(t *testing.T) {
	versions := allVersions(t)
	for n := 1; n < len(versions); n++ {
		before, after := versions[n-1].Fields(), versions[n].Fields()
		require.GreaterOrEqual(t, len(after), len(before))
		for i, old := range before {
			require.Equal(t, old.Name(), after[i].Name())
			if enum := enumOf(old.Type()); enum != nil {
				require.Equal(t, enum.Symbols(), enumOf(after[i].Type()).Symbols()[:len(enum.Symbols())])
			}
		}
	}
}

// The registry and Connect read the files themselves, not hamba's view of them.
func TestTheFilesEqualTheParsedSchemas(t *testing.T) {
	versions, err := schemas.Schemas(subjectFolder)
	require.NoError(t, err)
	for _, version := range versions {
		var record struct {
			Type, Name, Namespace, Doc string
			Fields                     []struct {
				Name    string
				Type    json.RawMessage
				Default *json.RawMessage
				Doc     string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(version.Schema), &record))
		require.Equal(t, "record", record.Type)
		require.Equal(t, "dev.codebank.bank.TransactionEvent", record.Namespace+"."+record.Name)
		names := make([]string, len(record.Fields))
		for i, field := range record.Fields {
			names[i] = field.Name
			require.NotContains(t, string(field.Type), `"float"`)
			require.NotContains(t, string(field.Type), `"double"`)
		}
		require.Equal(t, len(names), len(slices.Compact(slices.Sorted(slices.Values(names)))))
	}
}
