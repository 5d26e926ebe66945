package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFilesAreWhatTheCodeMakes(t *testing.T) {
	require.NoError(t, run([]string{"--check"}, io.Discard), "run: go run ./dashboards/generate")
}

func TestTheSameCodeMakesTheSameBytes(t *testing.T) {
	once, err := files()
	require.NoError(t, err)
	again, err := files()
	require.NoError(t, err)
	require.Equal(t, once, again)
}

func TestFilesThatDifferAreNamed(t *testing.T) {
	wanted, err := files()
	require.NoError(t, err)
	const board, foreign = "dashboards/dashboard/overview.json", "dashboards/dashboard/foreign.json"
	for rule, tt := range map[string]struct {
		spoil func(root string) error
		want  []string
	}{
		"nothing": {func(string) error { return nil }, nil},
		"a changed file": {func(root string) error {
			return os.WriteFile(filepath.Join(root, board), []byte("{}\n"), 0o644)
		}, []string{board}},
		"a missing file": {func(root string) error { return os.Remove(filepath.Join(root, board)) }, []string{board}},
		"a file that the code does not make": {func(root string) error {
			return os.WriteFile(filepath.Join(root, foreign), []byte("{}\n"), 0o644)
		}, []string{foreign}},
	} {
		t.Run(rule, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range wanted {
				require.NoError(t, write(filepath.Join(root, name), content))
			}
			require.NoError(t, tt.spoil(root))
			changes, err := differing(root, wanted)
			require.NoError(t, err)
			require.Equal(t, tt.want, changes)
			for _, name := range changes {
				require.NoError(t, write(filepath.Join(root, name), wanted[name]))
			}
			changes, err = differing(root, wanted)
			require.NoError(t, err)
			require.Empty(t, changes, "writing repairs it")
		})
	}
}
