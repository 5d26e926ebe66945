package dashboards

import (
	"encoding/json"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// FuzzRead: each object is JSON, or the whole tree is refused.
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

// FuzzUnfold: an object that Kibana exports can be unfolded and folded again, or is
// refused.
func FuzzUnfold(f *testing.F) {
	f.Add([]byte(`{"attributes":{"panelsJSON":"[{\"title\":\"x\"}]"}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := decode(content); err != nil {
			return
		}
		unfolded, err := Unfold(Object{Type: "dashboard", ID: "x", Body: content})
		if err != nil {
			return
		}
		once, err := Fold(unfolded)
		if err != nil {
			return // A string in the place of JSON is text within text.
		}
		again, err := Unfold(once)
		require.NoError(t, err)
		require.Equal(t, string(unfolded.Body), string(again.Body))
	})
}
