package inmem_test

import (
	"testing"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/inmem"
)

func TestPayments(t *testing.T) {
	codepixtest.TestPayments(t, func(*testing.T) codepixtest.Payments { return inmem.NewPayments() })
}
