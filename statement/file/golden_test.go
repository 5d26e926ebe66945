package file_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codebank.dev/statement/file"
	"codebank.dev/statement/file/filetest"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFilesAreTheSameEachTime compares with files of the repository, so that a change is seen. A changed byte makes
// files that exist unverifiable, and needs another name in package digest.
func TestFilesAreTheSameEachTime(t *testing.T) {
	samples := map[string]filetest.Statement{"wallet": filetest.Sample(), "card": filetest.Sample(), "pix": filetest.Pix()}
	card := samples["card"]
	card.Header.Kind = file.Card
	samples["card"] = card
	for name, s := range samples {
		for _, format := range filetest.ByLine {
			golden := filepath.Join("testdata", "golden", strings.ToLower(format.String()+"-"+name)+format.Extension())
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
				require.NoError(t, os.WriteFile(golden, s.Write(t, format), 0o644))
			}
			expected, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(expected), string(s.Write(t, format)), golden)
		}
	}
}
