package demo

import (
	"bytes"
	"testing"

	"codebank.dev/stack/launch"
	"github.com/stretchr/testify/require"
)

func TestTheAddressesOfEverythingThatHasPagesArePrinted(t *testing.T) {
	stack, err := launch.Open(launch.Config{Dir: t.TempDir(), BasePort: 18900})
	require.NoError(t, err)
	var out bytes.Buffer
	d, err := newDemonstration(stack, &out)
	require.NoError(t, err)
	defer d.close()
	require.NoError(t, d.printAddresses())
	for _, address := range []string{
		"https://127.0.0.1:18901/docs", "https://127.0.0.1:18903/docs", "https://127.0.0.1:18905/docs", "https://127.0.0.1:18909/docs", "dashboards      http://127.0.0.1:18928",
	} {
		require.Contains(t, out.String(), address)
	}
}
