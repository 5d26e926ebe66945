package main

import (
	"io"
	"testing"

	"codebank.dev/platform/programtest"
)

// FuzzConfig parses arguments and environment, one a line. Every setting is accepted or refused,
// and none of them makes the program panic. Files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x\n--vault-key-file=k\n--relay=false", "BANK_BANK_CODE=001")
	f.Add("--failpoint=batch-decided:2", "BANK_DATABASE_URL=x\nBANK_LANES=-1\nBANK_KAFKA_BROKERS=a:1,b:2")
	f.Fuzz(func(t *testing.T, arguments, environment string) {
		programtest.CheckSettings(t, arguments, environment, func(args, environ []string) (string, error) {
			config, err := parse(args, environ, io.Discard)
			if err != nil {
				return "", err
			}
			return config.databaseURL, nil
		})
	})
}
