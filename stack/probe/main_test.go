package main

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"codebank.dev/platform/mtls/authority"
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

func TestOnlyAnAuthorityOfTheFileIsTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	folder := t.TempDir()
	own, other := filepath.Join(folder, "own.pem"), filepath.Join(folder, "other.pem")
	require.NoError(t, os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	_, err := authority.Open(folder)
	require.NoError(t, err)
	require.NoError(t, os.Rename(filepath.Join(folder, "authority.pem"), other))
	require.NoError(t, run(t.Context(), []string{"--authority", own, server.URL}, io.Discard))
	require.ErrorContains(t, run(t.Context(), []string{"--authority", other, server.URL}, io.Discard), "unknown authority")
	require.ErrorContains(t, run(t.Context(), []string{server.URL}, io.Discard), "unknown authority")
	require.ErrorContains(t, run(t.Context(), []string{"--authority", filepath.Join(folder, "authority.key"), server.URL}, io.Discard), "no certificate")
	require.Error(t, run(t.Context(), []string{"--authority", folder + "/none", server.URL}, io.Discard))
}

func TestAWrongCommandLineIsRefused(t *testing.T) {
	for _, args := range [][]string{nil, {"a", "b"}, {"--wait", "long", "x"}, {"::"}} {
		require.Error(t, run(t.Context(), args, io.Discard), args)
	}
}
