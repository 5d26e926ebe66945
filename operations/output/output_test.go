package output_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/output"
	"codebank.dev/operations/provision"
)

// FuzzHarmless: a text from elsewhere is written without what a terminal obeys.
func FuzzHarmless(f *testing.F) {
	f.Add("plain\ttext")
	f.Add("\x1b[31mred\x00\xff")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range output.Harmless(text) {
			require.False(t, r != '\n' && r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0, "%U", r)
		}
	})
}

func TestAListIsATableOrObjects(t *testing.T) {
	items := []provision.Result{{Kind: "topic", Name: "a\x1b[31m", Action: provision.Created}, {Kind: "topic", Name: "b\nc", Action: provision.Updated}}
	rows := func(r provision.Result) [][]string { return [][]string{{r.Name, string(r.Action)}} }
	written := func(json bool) string {
		var out strings.Builder
		require.NoError(t, output.List(output.New(&out, json, nil), items, []string{"NAME", "ACTION"}, rows))
		return out.String()
	}
	require.Equal(t, "NAME    ACTION\na\uFFFD[31m  created\nb c     updated\n", written(false))
	require.Equal(t, `{"kind":"topic","name":"a\u001b[31m","action":"created"}
{"kind":"topic","name":"b\nc","action":"updated"}
`, written(true))
}

func TestTheWidthIsWhatColumnsSays(t *testing.T) {
	for columns, want := range map[string]int{"120": 120, "0": 0, "-3": 0, "1001": 0, "wide": 0} {
		require.Equal(t, want, output.New(&strings.Builder{}, false, []string{"COLUMNS=" + columns}).Width(), columns)
	}
}
