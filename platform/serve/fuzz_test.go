package serve_test

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// FuzzSettings: arguments, environment and the content of a file, one a line. An
// error never repeats what came from the environment or a file.
func FuzzSettings(f *testing.F) {
	f.Add("--log-level=debug\n--drain-timeout\n3s", "X_LOG_FORMAT=json\nPATH=/bin", []byte("secret\r\n"))
	f.Add("", "X_SECRET_FILE=given\nX_COUNT=99999999999999999999", []byte("not-a-number"))
	f.Add("--number=3", "X_NUMBER_FILE=given", []byte("4\n"))
	f.Add("now", "X_UNKNOWN=1\nX_SERVICE_HOST=h", []byte{})
	f.Fuzz(func(t *testing.T, arguments, environment string, content []byte) {
		path := filepath.Join(t.TempDir(), "setting")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		var environ []string
		for line := range strings.Lines(environment) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if strings.HasSuffix(name, "_FILE") {
				value = path // No other file of this machine.
			}
			environ = append(environ, name+"="+value)
		}
		flags := flag.NewFlagSet("x", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		var settings serve.Settings
		settings.Bind(flags, "127.0.0.1:0", "127.0.0.1:0")
		secret := flags.String("secret", "", "a `secret`")
		count := flags.Int("count", 0, "a number")
		serve.Renamed(flags, "number", "count")
		err := serve.Parse(flags, "X", strings.Split(arguments, "\n"), environ)
		if err != nil {
			return
		}
		_, _ = settings.Logger(io.Discard)
		require.LessOrEqual(t, len(*secret), max(len(arguments), len(environment), len(content)))
		_ = count
	})
}

func TestASettingIsReadNoFurtherThanItsBound(t *testing.T) {
	// A device has no size and no end.
	flags := flag.NewFlagSet("x", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.String("secret", "", "a `secret`")
	require.ErrorContains(t, serve.Parse(flags, "X", nil, []string{"X_SECRET_FILE=/dev/zero"}), "is larger than")
}
