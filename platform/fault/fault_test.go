package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestEveryCodeHasItsOwnName(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range fault.Codes() {
		require.NotContains(t, code.String(), "CODE_")
		require.False(t, seen[code.String()])
		seen[code.String()] = true
	}
}

func TestForeignErrorsTellTheCallerNothing(t *testing.T) {
	err := fault.Of(errors.New("dial tcp 10.0.0.1: password rejected"))
	require.Equal(t, fault.Internal, err.Code)
	require.NotContains(t, err.Message, "password")
	require.ErrorContains(t, err, "password", "the log still sees the cause")
}

func TestTheEndOfAContextIsAnUnknownOutcome(t *testing.T) {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		require.Equal(t, fault.DeadlineExceeded, fault.CodeOf(fmt.Errorf("query: %w", end)))
	}
}

func TestAFaultIsItsSentinelThroughWrapping(t *testing.T) {
	sentinel := fault.New(fault.Aborted, "REQUEST_ID_REUSED", "used before")
	wrapped := fmt.Errorf("submit: %w", sentinel.Wrap(errors.New("cause")).After(time.Second))
	require.ErrorIs(t, wrapped, sentinel)
	require.NotErrorIs(t, wrapped, fault.New(fault.Aborted, "OTHER", ""))
	require.Nil(t, fault.Of(nil))
}
