package topic

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas"
)

// FuzzRecord: a record is a copy of an event or unreadable, whatever its bytes are and
// whatever schema the registry returns.
func FuzzRecord(f *testing.F) {
	versions, err := schemas.Schemas("transactions")
	require.NoError(f, err)
	f.Add([]byte("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"), []byte("\x00\x00\x00\x00\x01\x02a"), versions[0].Schema)
	f.Add([]byte(nil), []byte("not a frame"), "")
	f.Add([]byte{}, []byte("\x00\x00\x00\x00\x02"), `{"type":"record","name":"x","fields":[{"name":"event_id","type":"string"}]}`)
	f.Add([]byte{}, []byte("\x00\x00\x00\x00\x02"), `{"type":"record","name":"x","fields":[{"name":"a","type":{"type":"array","items":"x"}}]}`)
	f.Fuzz(func(t *testing.T, key, value []byte, schema string) {
		decoders := newDecoders(func(context.Context, uint32) (string, bool, error) { return schema, schema != "", nil })
		var c audit.Copy
		require.NoError(t, decoders.copyOf(t.Context(), &kgo.Record{Key: key, Value: value, Partition: 3, Offset: 7}, &c))
		require.Equal(t, audit.Position{Partition: 3, Offset: 7}, c.Position)
		if c.Unreadable == "" {
			require.Equal(t, c.Event.EventID, c.ID)
		}
	})
}
