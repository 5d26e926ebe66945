package statement

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"codebank.dev/operations/audit"
)

// sent is what COPY sends for a number of rows, all fields text or null.
func sent(s *Statement, rows int) []byte {
	data := append(append([]byte{}, copySignature...), 0, 0, 0, 0, 0, 0, 0, 3, 'e', 'x', 't')
	for row := range rows {
		data = binary.BigEndian.AppendUint16(data, uint16(len(s.fields)))
		for _, f := range s.fields {
			value := []byte(fmt.Sprintf("%s %d", f.Name, row))
			switch {
			case f.Name == "sequence":
				data = binary.BigEndian.AppendUint32(data, null)
				continue
			case f.Name == "amount_minor" || f.Time || f.Nullable && f.Name[len(f.Name)-6:] == "_minor":
				value = binary.BigEndian.AppendUint64(nil, uint64(row*1000))
			}
			data = append(binary.BigEndian.AppendUint32(data, uint32(len(value))), value...)
		}
	}
	return binary.BigEndian.AppendUint16(data, copyEnd)
}

func newRows(t require.TestingT, each func(*audit.Copy) error) *copiedRows {
	s, err := New(context.Background(), "postgres://u@h/d?sslmode=disable")
	require.NoError(t, err)
	s.Close() // The rows need its columns only.
	return &copiedRows{statement: s, each: each}
}

func TestPiecesMayBeOfAnySize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seen := 0
		rows := newRows(t, func(c *audit.Copy) error {
			require.Equal(t, fmt.Sprintf("event_id %d", seen), c.ID)
			require.EqualValues(t, seen*1000, c.Event.AmountMinor)
			require.False(t, c.Event.Sequence.Present)
			seen++
			return nil
		})
		wanted := rapid.IntRange(0, 5).Draw(t, "rows")
		for data := sent(rows.statement, wanted); len(data) > 0; {
			require.Error(t, rows.whole())
			size := rapid.IntRange(1, len(data)).Draw(t, "piece")
			n, err := rows.Write(data[:size])
			require.NoError(t, err)
			require.Equal(t, size, n)
			data = data[size:]
		}
		require.NoError(t, rows.whole())
		require.Equal(t, wanted, seen)
	})
}

func FuzzCopy(f *testing.F) {
	rows := newRows(f, nil)
	f.Add(sent(rows.statement, 2), 7)
	f.Add(sent(rows.statement, 0), 1)
	f.Add([]byte("PGCOPY"), 3)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		rows := newRows(t, func(*audit.Copy) error { return nil })
		size = max(size, 1)
		for len(data) > 0 {
			piece := data[:min(size, len(data))]
			if _, err := rows.Write(piece); err != nil {
				return
			}
			data = data[len(piece):]
		}
	})
}
