package file_test

import (
	"testing"

	"codebank.dev/statement/file"
	"github.com/stretchr/testify/require"
)

// FuzzParseFormat: a format is written as it was read.
func FuzzParseFormat(f *testing.F) {
	for _, format := range file.Formats() {
		f.Add(format.String())
	}
	f.Fuzz(func(t *testing.T, name string) {
		if format, ok := file.ParseFormat(name); ok {
			require.Equal(t, name, format.String())
			require.NotEmpty(t, format.MediaType())
			require.NotEmpty(t, format.Extension())
		}
	})
}
