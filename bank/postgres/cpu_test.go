package postgres_test

import (
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
)

func processorTime(b *testing.B) (client, server time.Duration) { return postgrestest.ProcessorTime(b) }
