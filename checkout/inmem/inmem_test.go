package inmem_test

import (
	"flag"
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/inmem"
	"github.com/stretchr/testify/require"
)

func open(testing.TB) checkouttest.Store { return inmem.NewStore() }

func TestStore(t *testing.T) { checkouttest.TestStore(t, open) }

func TestLifecycle(t *testing.T) { checkouttest.TestLifecycle(t, open) }

func TestSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", "1000"))
	checkouttest.TestSchedules(t, open(t))
}
