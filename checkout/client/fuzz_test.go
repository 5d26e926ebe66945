package client

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzEvents: whatever a stream says, reading it ends; a block is handed on when it is complete, and its data is what
// was sent.
func FuzzEvents(f *testing.F) {
	f.Add("retry: 1000\nid: 0\n\nid: 1\ndata: {}\n\n")
	f.Add(": alive\n\ndata: a\ndata: b\nid: 2\n\nid: 3")
	f.Add("id: x\n\n")
	f.Add("data\ndata:\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		lines := 0
		err := readEvents(strings.NewReader(stream), func() { lines++ }, func(m *message) error {
			require.GreaterOrEqual(t, m.id, int64(0))
			for part := range strings.SplitSeq(m.data, "\n") {
				require.Contains(t, stream, part)
			}
			return nil
		})
		if err == nil {
			require.LessOrEqual(t, lines, strings.Count(stream, "\n")+1)
		}
	})
}
