package main

import (
	"io"
	"testing"

	"codebank.dev/platform/programtest"
)

// FuzzConfig: arguments and environment, one a line. Every setting is checked, and none of them makes the
// program panic; files that are named are not read.
func FuzzConfig(f *testing.F) {
	f.Add("--failpoint=nowhere", "PAYMENT_PROCESSOR_HTTP_ADDRESS=127.0.0.1:0")
	f.Add("--kafka-brokers=,", "PAYMENT_PROCESSOR_CHARGE_KEYS=none")
	f.Fuzz(func(t *testing.T, arguments, environment string) {
		programtest.CheckSettings(t, arguments, environment, func(args, environ []string) (string, error) {
			config, err := parse(args, environ, io.Discard)
			if err != nil {
				return "", err
			}
			return config.pipe.DatabaseURL, nil
		})
	})
}
