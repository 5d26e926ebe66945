package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/programtest"
)

// FuzzEnvironment: settings of a command that only reads them. An error names the
// variable and never holds its value.
func FuzzEnvironment(f *testing.F) {
	f.Add("BANKCTL_TIMEOUT=3s\nBANKCTL_OUTPUT=json", "001")
	f.Add("BANKCTL_TIMEOUT=planted\nBANKCTL_NOTHING=planted", "1")
	f.Fuzz(func(t *testing.T, environment, code string) {
		var written strings.Builder
		status := run(t.Context(), []string{"connectors", "--bank-code", code}, programtest.Environ(environment), streams{out: &written, err: &written})
		require.Equal(t, exitUsage, status, written.String())
	})
}
