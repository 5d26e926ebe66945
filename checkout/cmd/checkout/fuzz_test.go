package main

import (
	"io"
	"testing"

	"codebank.dev/platform/programtest"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and
// none of them makes the program panic; files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x\n--charge-deadline=-1s", "CHECKOUT_BANK_ADDRESS=b")
	f.Add("--failpoint=after-token:9", "CHECKOUT_DATABASE_URL=x\nCHECKOUT_SETTLE_BACKOFF=1ns")
	f.Add("--reconcile-every=1h", "CHECKOUT_DATABASE_URL=x\nCHECKOUT_RECONCILE_BACKOFF=1ns")
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
