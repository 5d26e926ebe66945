package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyTwoHundredIsReady(t *testing.T) {
	for status, ready := range map[int]bool{200: true, 204: false, 404: false, 503: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		err := run(t.Context(), []string{server.URL}, io.Discard)
		require.Equal(t, ready, err == nil, "%d: %v", status, err)
		server.Close()
		require.Error(t, run(t.Context(), []string{server.URL}, io.Discard), "nobody there")
	}
}

func TestItTriesAgainForTheGivenTime(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	require.NoError(t, run(t.Context(), []string{"--wait", "1m", server.URL}, io.Discard))
	require.Equal(t, int64(3), asked.Load())
}

func TestAWrongCommandLineIsRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"a", "b"}, {"--wait", "long", "x"}, {"::"}} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
}
