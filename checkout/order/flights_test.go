package order

import (
	"context"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func TestEqualRequestsShareOneFlight(t *testing.T) {
	var f flights
	key := flightKey{caller: "shop", requestID: "r1"}
	first, leads := f.join(key)
	require.True(t, leads)
	second, leads := f.join(key)
	require.False(t, leads)
	for _, other := range []flightKey{
		{caller: "other", requestID: "r1"},
		{caller: "shop", user: "user:1", requestID: "r1"},
		{caller: "shop", requestID: "r2"},
		{caller: "shop", requestID: "r1", fingerprint: [32]byte{1}},
		{caller: "shop", requestID: "r1", refused: true},
	} {
		_, leads := f.join(other)
		require.True(t, leads, "%v is another request", other)
	}

	impatient, stop := context.WithCancel(t.Context())
	stop()
	_, err := second.wait(impatient)
	require.ErrorIs(t, err, context.Canceled, "one that waits may leave")

	first.order, first.err = checkout.Order{RequestID: "r1"}, nil
	f.end(key, first)
	placed, err := second.wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, "r1", placed.RequestID)
	_, leads = f.join(key)
	require.True(t, leads, "a flight that has ended is not joined")
}

func TestAPanicAnswersThoseThatWait(t *testing.T) {
	var f flights
	key := flightKey{caller: "shop", requestID: "r1"}
	first, _ := f.join(key)
	joined, _ := f.join(key)
	require.Panics(t, func() {
		defer f.end(key, first)
		panic("while placing")
	})
	_, err := joined.wait(t.Context())
	require.Equal(t, fault.Internal, fault.CodeOf(err))
}
