package serve_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// flags is a set with one flag of each kind that programs use.
type flags struct {
	*flag.FlagSet
	out     bytes.Buffer
	key     *string
	size    *int
	timeout *time.Duration
}

func newFlags() *flags {
	f := &flags{FlagSet: flag.NewFlagSet("test", flag.ContinueOnError)}
	f.SetOutput(&f.out)
	f.key = f.String("page-token-key", "none", "signs page tokens")
	f.size = f.Int("size", 5, "how many `lines`")
	f.timeout = f.Duration("timeout", time.Second, "how long")
	return f
}

func (f *flags) parse(args []string, environ ...string) error {
	return serve.Parse(f.FlagSet, "TEST", args, environ)
}

func TestAFlagBeatsTheEnvironmentBeatsTheDefault(t *testing.T) {
	f := newFlags()
	require.NoError(t, f.parse([]string{"--size=7"}, "TEST_SIZE=6", "TEST_TIMEOUT=3s", "OTHER_SIZE=1", "TESTING=1"))
	require.Equal(t, 7, *f.size)
	require.Equal(t, 3*time.Second, *f.timeout)
	require.Equal(t, "none", *f.key)
}

func TestASecretComesFromAFileWithoutItsLastLineBreak(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, []byte(" a secret\n"), 0o600))
	f := newFlags()
	require.NoError(t, f.parse(nil, "TEST_PAGE_TOKEN_KEY_FILE="+path))
	require.Equal(t, " a secret", *f.key)
}

func TestSettingsThatCannotBeMeantAreRefused(t *testing.T) {
	large := filepath.Join(t.TempDir(), "large")
	require.NoError(t, os.WriteFile(large, bytes.Repeat([]byte("a"), 100_000), 0o600))
	for rule, test := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"an unknown variable":     {nil, []string{"TEST_PAGE_TOKEN=x"}, "TEST_PAGE_TOKEN"},
		"an unknown flag":         {[]string{"--sise=3"}, nil, "sise"},
		"a positional argument":   {[]string{"serve"}, nil, `"serve"`},
		"both variables":          {nil, []string{"TEST_SIZE=1", "TEST_SIZE_FILE=/x"}, "TEST_SIZE_FILE"},
		"a file that is not":      {nil, []string{"TEST_SIZE_FILE=/no/such/file"}, "TEST_SIZE_FILE"},
		"a file that is too big":  {nil, []string{"TEST_PAGE_TOKEN_KEY_FILE=" + large}, "larger"},
		"a value of another kind": {nil, []string{"TEST_SIZE=secret"}, "TEST_SIZE"},
	} {
		err := newFlags().parse(test.args, test.environ...)
		require.ErrorContains(t, err, test.want, rule)
		require.NotContains(t, err.Error(), "secret", rule)
	}
}

func TestWhatKubernetesInjectsIsLetPass(t *testing.T) {
	require.NoError(t, newFlags().parse(nil, "TEST_PORT=tcp://10.0.0.1:80", "TEST_PORT_80_TCP_ADDR=10.0.0.1", "TEST_SERVICE_HOST=10.0.0.1"))
}

func TestHelpNamesEveryFlagItsVariableAndItsDefault(t *testing.T) {
	f := newFlags()
	require.ErrorIs(t, f.parse([]string{"--help"}), flag.ErrHelp)
	for _, want := range []string{"--size lines", "TEST_SIZE", "default: 5", "--page-token-key", "TEST_PAGE_TOKEN_KEY", "_FILE"} {
		require.Contains(t, f.out.String(), want)
	}
}

func TestSettingsBecomeAConfigurationAndALogger(t *testing.T) {
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	var settings serve.Settings
	settings.Bind(set, "127.0.0.1:1", "127.0.0.1:2")
	require.NoError(t, serve.Parse(set, "TEST", []string{"--log-format=json", "--log-level=warn"}, []string{"TEST_DRAIN_TIMEOUT=3s"}))
	var out strings.Builder
	logger, err := settings.Logger(&out)
	require.NoError(t, err)
	logger.Info("not this")
	logger.Warn("this")
	require.Equal(t, 1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), `"msg":"this"`)
	config := settings.Config("test", logger)
	require.Equal(t, "127.0.0.1:1", config.GRPCAddress)
	require.Equal(t, "127.0.0.1:2", config.HTTPAddress)
	require.Equal(t, 3*time.Second, config.DrainTimeout)

	for _, broken := range []serve.Settings{{LogLevel: "loud", LogFormat: "text"}, {LogLevel: "info", LogFormat: "xml"}} {
		_, err = broken.Logger(&out)
		require.Error(t, err)
	}
}
