package main

import (
	"io"
	"strings"
	"testing"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and
// none of them makes the program panic; files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x", "STATEMENT_BANK_CODE=01")
	f.Add("--failpoint=gaps-found", "STATEMENT_PAGE_TOKEN_KEY=short")
	f.Fuzz(func(t *testing.T, arguments, environment string) {
		var environ []string
		for line := range strings.Lines(environment) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !strings.HasSuffix(name, "_FILE") && !strings.Contains(name, "CATALOGUE") {
				environ = append(environ, name+"="+value)
			}
		}
		if strings.Contains(arguments, "catalogue") {
			t.Skip()
		}
		config, err := parse(strings.Split(arguments, "\n"), environ, io.Discard)
		if err == nil && config.database.URL == "" {
			t.Fatal("accepted without a database")
		}
	})
}
