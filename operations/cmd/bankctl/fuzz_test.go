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

// FuzzCommandKeys: whatever the file of keys holds, a command ends, and says nothing of the secrets in it.
func FuzzCommandKeys(f *testing.F) {
	f.Add(`{"keys":[{"id":"gateway-1","producer":"gateway","for_users":true,"secret":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}]}`)
	f.Add(`{"keys":[{"secret":"hunter-2"}]}`)
	f.Fuzz(func(t *testing.T, content string) {
		path := write(t, content)
		var written strings.Builder
		status := run(t.Context(), []string{"command-keys", "list", "--file", path}, nil, streams{out: &written, err: &written})
		_, err := readCommandKeys(path)
		require.Equal(t, err == nil, status == 0, written.String())
		require.NotContains(t, written.String(), "hunter-2")
		require.NotContains(t, written.String(), "AAAAAAAAAAAA")
	})
}
