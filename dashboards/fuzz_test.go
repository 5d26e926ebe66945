package dashboards

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// FuzzRead: an object is JSON, or the whole tree is refused.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"attributes":{}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, content []byte) {
		objects, err := read(fstest.MapFS{"dashboard/overview.json": {Data: content}})
		require.Equal(t, json.Valid(content), err == nil)
		if err == nil {
			require.Len(t, objects, 1)
		}
	})
}
