package main

import (
	"io"
	"strings"
	"testing"
)

// FuzzConfig parses arguments and environment, one a line. Every setting is accepted or refused,
// and none of them makes the program panic. Files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x\n--vault-key-file=k\n--relay=false", "BANK_BANK_CODE=001")
	f.Add("--failpoint=batch-decided:2", "BANK_DATABASE_URL=x\nBANK_LANES=-1\nBANK_KAFKA_BROKERS=a:1,b:2")
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
