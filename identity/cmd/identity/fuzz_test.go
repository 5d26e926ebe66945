package main

import (
	"io"
	"testing"

	"codebank.dev/platform/programtest"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and none of them makes the
// program panic.
func FuzzConfig(f *testing.F) {
	f.Add("--database-url=postgres://x\n--signing-keys=k\n--smtp-url=smtp://h", "IDENTITY_TOKEN_LIFETIME=16m")
	f.Add("keys\nrotate", "IDENTITY_SIGNING_KEYS=k")
	f.Add("--failpoint=mail-claimed", "IDENTITY_SMTP_URL=smtp://u@h")
	f.Fuzz(func(t *testing.T, arguments, environment string) {
		programtest.CheckSettings(t, arguments, environment, func(args, environ []string) (string, error) {
			config, err := parse(args, environ, io.Discard)
			if err != nil {
				return "", err
			}
			if len(config.words) > 0 && config.words[0] == "keys" {
				return config.keys, nil
			}
			return config.database.URL, nil
		})
	})
}
