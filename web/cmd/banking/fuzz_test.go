package main

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: arguments and environment are refused or make a configuration that can be.
func FuzzParse(f *testing.F) {
	f.Add("--theme=green --bank-code=002", "BANKING_CURRENCY=USD")
	f.Add("--plain-pages --http-address=0.0.0.0:1", "BANKING_NOTHING=1")
	f.Fuzz(func(t *testing.T, args, variable string) {
		config, err := parse(strings.Fields(args), []string{variable}, io.Discard)
		if err == nil {
			require.NoError(t, config.site.Check())
			require.Len(t, config.site.BankCode, 3)
		}
	})
}
