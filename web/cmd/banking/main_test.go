package main

import (
	"bytes"
	"flag"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"codebank.dev/web/site"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

func TestSettingsAreRefusedByName(t *testing.T) {
	for arg, wrong := range map[string]string{
		"--theme=red": "--theme", "--bank-code=1": "--bank-code", "--currency=XXX": "--currency", "--nothing": "nothing", "keys old": "keys new",
		"--plain-pages --http-address=0.0.0.0:17019": "--plain-pages",
	} {
		_, err := parse(strings.Fields(arg), nil, &bytes.Buffer{})
		require.ErrorContains(t, err, wrong, arg)
	}
	_, err := parse(nil, []string{"BANKING_THEME=red"}, &bytes.Buffer{})
	require.ErrorContains(t, err, "--theme", "every flag has a twin in the environment")
	var help bytes.Buffer
	_, err = parse([]string{"--help"}, nil, &help)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, help.String(), "BANKING_SESSION_KEY")
}

func TestAKeyOfSessionsIsAFileOfItsOwn(t *testing.T) {
	folder := t.TempDir()
	run := func(key string) error {
		return run(t.Context(), []string{"--insecure=banking", "--http-address=127.0.0.1:0", "--session-key=" + key}, nil, &bytes.Buffer{})
	}
	require.ErrorContains(t, run(filepath.Join(folder, "none")), "--session-key")
	short := filepath.Join(folder, "short")
	require.NoError(t, os.WriteFile(short, []byte("short"), 0o600))
	require.ErrorContains(t, run(short), "32")
	open := filepath.Join(folder, "open")
	require.NoError(t, os.WriteFile(open, bytes.Repeat([]byte("k"), site.KeySize), 0o644))
	require.ErrorContains(t, run(open), "0600")
}

func TestACommandMakesAKeyOfSessionsOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sessions.key")
	var out bytes.Buffer
	require.ErrorContains(t, run(t.Context(), []string{"keys", "new"}, nil, &out), "--session-key")
	require.NoError(t, run(t.Context(), []string{"keys", "new", "--session-key", file}, nil, &out))
	require.Contains(t, out.String(), file)
	_, err := site.OpenKeys(file, "")
	require.NoError(t, err)
	require.ErrorIs(t, run(t.Context(), []string{"keys", "new", "--session-key", file}, nil, &out), fs.ErrExist)
}

func TestPagesAreServed(t *testing.T) {
	kit := wallstest.New(t)
	files := kit.Files(t, "banking")
	secure := []string{"--tls-certificate=" + files.Certificate, "--tls-key=" + files.Key, "--tls-authority=" + files.Authority}
	for rule, tt := range map[string]struct {
		flags  []string
		client *http.Client // nil for plain text
	}{
		"in plain text, for development":               {[]string{"--insecure=banking", "--theme=green", "--bank-code=002"}, nil},
		"with TLS, as other programs":                  {secure, kit.HTTP(t, "")},
		"in plain text here, and calls with TLS there": {append([]string{"--plain-pages"}, secure...), nil},
	} {
		t.Run(rule, func(t *testing.T) {
			program := programtest.Start(t, []string{"BANKING_CURRENCY=BRL"}, append(tt.flags, "--http-address=127.0.0.1:0", "--bank-address=127.0.0.1:1",
				"--statement-address=127.0.0.1:1", "--identity-address=127.0.0.1:1")...)
			program.Client = tt.client
			addresses, ready := program.AwaitReady(t)
			require.True(t, ready, program.Log())
			client, base := http.DefaultClient, "http://"+addresses.HTTP
			if tt.client != nil {
				client, base = tt.client, "https://"+addresses.HTTP
			}
			for path, want := range map[string]int{
				"/sign-in": http.StatusOK, "/": http.StatusOK, "/livez": http.StatusOK, "/metrics": http.StatusOK, "/design": http.StatusOK, "/nothing": http.StatusNotFound,
			} {
				got, err := client.Get(base + path)
				require.NoError(t, err)
				require.NoError(t, got.Body.Close())
				require.Equal(t, want, got.StatusCode, path)
			}
			program.Interrupt(t)
		})
	}
}
