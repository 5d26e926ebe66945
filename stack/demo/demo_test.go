package demo

import (
	"bytes"
	"testing"

	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
)

func TestTheAddressesOfEverythingThatHasPagesArePrinted(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, PrintAddresses(launch.Addresses{BasePort: 18900}, &out))
	for _, address := range []string{
		"https://127.0.0.1:18901/docs", "https://127.0.0.1:18903/docs", "https://127.0.0.1:18911/docs", "https://127.0.0.1:18913/docs", "https://127.0.0.1:18905/docs", "https://127.0.0.1:18909/docs",
		"gateway         https://127.0.0.1:18916/docs", "payment gateway https://127.0.0.1:18914/docs", "dashboards      http://127.0.0.1:18928",
	} {
		require.Contains(t, out.String(), address)
	}
}
