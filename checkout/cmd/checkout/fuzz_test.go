package main

import (
	"io"
	"strings"
	"testing"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and
// none of them makes the program panic; files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x\n--charge-deadline=-1s", "CHECKOUT_BANK_ADDRESS=b")
	f.Add("--failpoint=after-token:9", "CHECKOUT_DATABASE_URL=x\nCHECKOUT_SETTLE_BACKOFF=1ns")
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
		if err == nil && config.databaseURL == "" {
			t.Fatal("accepted without a database")
		}
	})
}
