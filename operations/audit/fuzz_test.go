package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzEventID: an id that is one is written as it was read; all others are strays,
// which no two of share a key but by chance.
func FuzzEventID(f *testing.F) {
	f.Add("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:7")
	f.Add("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01")
	f.Add("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:07")
	f.Add("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01:99999999999999999999")
	f.Fuzz(func(t *testing.T, text string) {
		key := keyOf(text)
		if key.class == stray {
			require.Empty(t, key.String())
			require.GreaterOrEqual(t, key.sequence, int64(0))
			return
		}
		require.Equal(t, text, key.String())
		require.Zero(t, key.compare(keyOf(text)))
	})
}

// FuzzSpooled: what a spool gives back is what was put into it, bit by bit.
func FuzzSpooled(f *testing.F) {
	var empty record
	width := len(empty.appendTo(nil))
	f.Add(empty.appendTo(nil))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) < width {
			t.Skip()
		}
		var r record
		r.parse(bytes[:width])
		require.Equal(t, bytes[:width], r.appendTo(nil))
		var account cutAccount
		account.parse(bytes)
		require.Equal(t, bytes[:16], account.id[:])
	})
}
