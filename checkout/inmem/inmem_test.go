package inmem_test

import (
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/inmem"
)

func open(testing.TB) checkouttest.Store { return inmem.NewStore() }

func TestStore(t *testing.T) { checkouttest.TestStore(t, open) }
