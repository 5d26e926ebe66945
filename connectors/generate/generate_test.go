package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/schemas"
)

func TestTheConnectorsRepeatTheSchemas(t *testing.T) {
	wanted, err := files("..")
	require.NoError(t, err)
	require.Empty(t, differing("..", wanted), "run `go run ./connectors/generate`")
	require.NoError(t, run([]string{"--check"}, io.Discard))
}

// A new field is stored, mapped and copied in every place.
func TestANewFieldReachesEveryFile(t *testing.T) {
	root := filepath.Join(t.TempDir(), "connectors")
	require.NoError(t, os.CopyFS(root, os.DirFS("..")))
	require.NoError(t, os.CopyFS(filepath.Join(root, "../schemas/avro"), os.DirFS("../../schemas/avro")))
	require.NoError(t, os.CopyFS(filepath.Join(root, "../schemas/bounds"), os.DirFS("../../schemas/bounds")))
	require.NoError(t, os.WriteFile(filepath.Join(root, "../schemas/avro/transactions/v99.avsc"), []byte("{}"), 0o600))
	wanted, err := files(root)
	require.NoError(t, err)
	require.Equal(t, []string{resources + "/transactions/v99.avsc"}, differing(root, wanted))

	fields, err := schemas.Fields("transactions")
	require.NoError(t, err)
	fields = append(fields,
		schemas.Field{Name: "note", Type: "string", Nullable: true, Bound: schemas.Bound{Longest: 300, Index: schemas.Shown}},
		schemas.Field{Name: "effort", Type: "int", Nullable: true, Bound: schemas.Bound{Internal: true, Index: schemas.Found}},
		schemas.Field{Name: "due", Type: "long", Time: true})
	template, err := withMappings(string(wanted["indices/transactions.json"]), fields)
	require.NoError(t, err)
	require.Contains(t, template, `        "note": {"type": "keyword", "ignore_above": 300, "index": false},
        "effort": {"type": "integer", "doc_values": false},
        "due": {"type": "date", "format": "strict_date_optional_time||epoch_millis"},
        "hour": `)
	again, err := withMappings(template, fields)
	require.NoError(t, err)
	require.Equal(t, template, again, "a second time changes nothing")
	sink, err := withFields(string(wanted[statementSink]), fields)
	require.NoError(t, err)
	require.Contains(t, sink, `,note,due"`)
	require.NotContains(t, sink, "effort")
}

func TestAFileThatIsNotAsExpectedIsAnError(t *testing.T) {
	_, err := withMappings("{}", nil)
	require.Error(t, err)
	_, err = withFields("{}", nil)
	require.Error(t, err)
	_, err = mapping(schemas.Field{Type: "bytes"})
	require.Error(t, err)
	_, err = files(t.TempDir())
	require.Error(t, err)
}
