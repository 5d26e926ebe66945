package inmem_test

import (
	"testing"
	"time"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
)

func open(*testing.T) banktest.Ledger { return inmem.New(time.Now) }

func TestStore(t *testing.T)  { banktest.TestStore(t, open) }
func TestOutbox(t *testing.T) { banktest.TestOutbox(t, open) }

func TestMessages(t *testing.T) { banktest.TestMessages(t, open) }
