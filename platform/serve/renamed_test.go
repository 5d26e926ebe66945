package serve_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

// renamedFlags has two settings that had other names before.
type renamedFlags struct {
	*flag.FlagSet
	out      bytes.Buffer
	settings serve.Settings
	every    *time.Duration
	loud     *bool
}

func newRenamedFlags() *renamedFlags {
	f := &renamedFlags{FlagSet: flag.NewFlagSet("test", flag.ContinueOnError)}
	f.SetOutput(&f.out)
	f.settings.Bind(f.FlagSet, "127.0.0.1:1", "127.0.0.1:2")
	f.every = f.Duration("reconcile-every", time.Second, "how often")
	f.loud = f.Bool("loud", false, "a switch")
	serve.Renamed(f.FlagSet, "settle-every", "reconcile-every")
	serve.Renamed(f.FlagSet, "noisy", "loud")
	return f
}

func TestTheOldNameOfASettingGoesOnWorkingAndSaysTheNewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "every")
	require.NoError(t, os.WriteFile(path, []byte("3s\n"), 0o600))
	for rule, test := range map[string]struct {
		args, environ []string
		want          time.Duration
		logged        []string
	}{
		"the flag":               {[]string{"--settle-every=3s"}, nil, 3 * time.Second, []string{"--settle-every is now called --reconcile-every"}},
		"the variable":           {nil, []string{"TEST_SETTLE_EVERY=3s"}, 3 * time.Second, []string{"TEST_SETTLE_EVERY is now called TEST_RECONCILE_EVERY"}},
		"the variable of a file": {nil, []string{"TEST_SETTLE_EVERY_FILE=" + path}, 3 * time.Second, []string{"TEST_SETTLE_EVERY_FILE is now called TEST_RECONCILE_EVERY_FILE"}},
		"the new names":          {[]string{"--reconcile-every=3s", "--loud"}, []string{"TEST_LOUD=true"}, 3 * time.Second, nil},
		"the later flag":         {[]string{"--settle-every=2s", "--reconcile-every=3s"}, nil, 3 * time.Second, []string{"--settle-every is now called --reconcile-every"}},
		"a flag and a variable of the old name": {[]string{"--reconcile-every=3s"}, []string{"TEST_SETTLE_EVERY=2s"}, 3 * time.Second,
			[]string{"TEST_SETTLE_EVERY is now called TEST_RECONCILE_EVERY"}},
		"a flag of the old name and a variable": {[]string{"--settle-every=3s"}, []string{"TEST_RECONCILE_EVERY=2s"}, 3 * time.Second,
			[]string{"--settle-every is now called --reconcile-every"}},
		"a switch": {[]string{"--noisy"}, nil, time.Second, []string{"--noisy is now called --loud"}},
	} {
		t.Run(rule, func(t *testing.T) {
			f := newRenamedFlags()
			require.NoError(t, serve.Parse(f.FlagSet, "TEST", test.args, test.environ))
			require.Equal(t, test.want, *f.every)
			require.Equal(t, rule == "a switch" || rule == "the new names", *f.loud)
			var log bytes.Buffer
			_, err := f.settings.Logger(&log)
			require.NoError(t, err)
			require.Equal(t, len(test.logged), bytes.Count(log.Bytes(), []byte("level=WARN")), log.String())
			for _, line := range test.logged {
				require.Contains(t, log.String(), line)
			}
		})
	}
}

func TestAnOldNameIsRefusedAsTheNewOneWouldBe(t *testing.T) {
	for rule, test := range map[string]struct {
		args, environ []string
		want          string
	}{
		"variables of both names":     {nil, []string{"TEST_SETTLE_EVERY=2s", "TEST_RECONCILE_EVERY=2s"}, "both TEST_SETTLE_EVERY and TEST_RECONCILE_EVERY are set; keep TEST_RECONCILE_EVERY"},
		"a variable and a file":       {nil, []string{"TEST_SETTLE_EVERY=2s", "TEST_RECONCILE_EVERY_FILE=/x"}, "keep TEST_RECONCILE_EVERY_FILE"},
		"both variables of one name":  {nil, []string{"TEST_SETTLE_EVERY=2s", "TEST_SETTLE_EVERY_FILE=/x"}, "keep one"},
		"a value of another kind":     {[]string{"--settle-every=often"}, nil, "settle-every"},
		"the same in the environment": {nil, []string{"TEST_SETTLE_EVERY=secret"}, "TEST_SETTLE_EVERY: not a valid value"},
	} {
		err := serve.Parse(newRenamedFlags().FlagSet, "TEST", test.args, test.environ)
		require.ErrorContains(t, err, test.want, rule)
		require.NotContains(t, err.Error(), "secret", rule)
	}
}

func TestHelpDoesNotListOldNames(t *testing.T) {
	f := newRenamedFlags()
	require.ErrorIs(t, serve.Parse(f.FlagSet, "TEST", []string{"--help"}, nil), flag.ErrHelp)
	require.Contains(t, f.out.String(), "--reconcile-every")
	require.NotContains(t, f.out.String(), "settle")
}
