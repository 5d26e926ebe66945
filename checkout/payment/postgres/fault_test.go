package postgres

import (
	"testing"

	"codebank.dev/platform/database/databasetest"
)

func TestFaults(t *testing.T) { databasetest.TestFault(t, translate) }
