package main

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOnlyABankStartedForItTakesTimesOfThePastAndThenTellsNoWatermark(t *testing.T) {
	args := []string{"--database-url=postgres://x", "--vault-key-file=k", "--relay=false"}
	present, err := parse(args, nil, io.Discard)
	require.NoError(t, err)
	require.Nil(t, present.past())
	require.Positive(t, present.watermarkInterval)

	past, err := parse(append(args, "--history"), nil, io.Discard)
	require.NoError(t, err)
	require.NoError(t, past.past().Check(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))
	require.Error(t, past.past().Check(time.Now().Add(time.Hour)))
	require.Zero(t, past.watermarkInterval)
}
