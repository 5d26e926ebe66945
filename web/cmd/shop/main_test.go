package main

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"

	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

func TestSettingsAreRefusedByName(t *testing.T) {
	for arg, wrong := range map[string]string{
		"--theme=red": "--theme", "--nothing": "nothing", "--shop-name=": "--shop-name", "--plain-pages --http-address=0.0.0.0:17022": "--plain-pages",
	} {
		_, err := parse(strings.Fields(arg), nil, &bytes.Buffer{})
		require.ErrorContains(t, err, wrong, arg)
	}
	var help bytes.Buffer
	_, err := parse([]string{"--help"}, nil, &help)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, help.String(), "SHOP_SESSION_KEY")
}

// FuzzParse: arguments and environment are refused or make a configuration that can be.
func FuzzParse(f *testing.F) {
	f.Add("--theme=green --shop-name=Feira", "SHOP_CHECKOUT_ADDRESS=127.0.0.1:1")
	f.Add("--plain-pages --http-address=0.0.0.0:1", "SHOP_NOTHING=1")
	f.Fuzz(func(t *testing.T, args, variable string) {
		config, err := parse(strings.Fields(args), []string{variable}, io.Discard)
		if err == nil {
			require.NoError(t, config.site.Check())
			require.NotEmpty(t, config.name)
		}
	})
}

func TestPagesAreServed(t *testing.T) {
	kit := wallstest.New(t)
	files := kit.Files(t, "shop")
	for rule, tt := range map[string]struct {
		flags  []string
		client *http.Client // nil for plain text
	}{
		"in plain text, for development": {[]string{"--insecure=shop", "--theme=green"}, nil},
		"with TLS, as other programs":    {[]string{"--tls-certificate=" + files.Certificate, "--tls-key=" + files.Key, "--tls-authority=" + files.Authority}, kit.HTTP(t, "")},
	} {
		t.Run(rule, func(t *testing.T) {
			program := programtest.Start(t, nil, append(tt.flags, "--http-address=127.0.0.1:0", "--checkout-address=127.0.0.1:1", "--identity-address=127.0.0.1:1")...)
			program.Client = tt.client
			addresses, ready := program.AwaitReady(t)
			require.True(t, ready, program.Log())
			client, base := http.DefaultClient, "http://"+addresses.HTTP
			if tt.client != nil {
				client, base = tt.client, "https://"+addresses.HTTP
			}
			for path, want := range map[string]int{
				"/": http.StatusServiceUnavailable, "/basket": http.StatusOK, "/sign-in": http.StatusOK, "/livez": http.StatusOK, "/metrics": http.StatusOK,
				"/design": http.StatusOK, "/pictures/cafe": http.StatusOK, "/nothing": http.StatusNotFound,
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
