package main

import (
	"io"
	"testing"

	"codebank.dev/platform/programtest"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and
// none of them makes the program panic; files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x", "STATEMENT_BANK_CODE=01")
	f.Add("--failpoint=gaps-found", "STATEMENT_PAGE_TOKEN_KEY=short")
	f.Fuzz(func(t *testing.T, arguments, environment string) {
		programtest.CheckSettings(t, arguments, environment, func(args, environ []string) (string, error) {
			config, err := parse(args, environ, io.Discard)
			if err != nil {
				return "", err
			}
			return config.database.URL, nil
		})
	})
}
