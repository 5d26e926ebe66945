package doctor

import (
	"bytes"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/stack/launch"
)

func find(t *testing.T, findings []Finding, subject string) Finding {
	t.Helper()
	for _, f := range findings {
		if f.Subject == subject {
			return f
		}
	}
	t.Fatalf("no finding about %s", subject)
	return Finding{}
}

func TestAMachineThatRunsTheTestsHasWhatTheyNeed(t *testing.T) {
	findings := Check(t.Context(), t.TempDir(), launch.Addresses{BasePort: 17300})
	for _, subject := range []string{"Go", "JDK", "Maven", "user"} {
		f := find(t, findings, subject)
		require.False(t, f.Missing(), "%+v", f)
		require.NotEmpty(t, f.Found)
	}
}

func TestWhatIsMissingComesWithTheCommandThatHelps(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CODEBANK_JAVA_HOME", t.TempDir())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	taken := launch.Addresses{BasePort: listener.Addr().(*net.TCPAddr).Port}

	findings := Check(t.Context(), t.TempDir(), taken)
	for subject, remedy := range map[string]string{
		"Go":    "install Go",
		"JDK":   "CODEBANK_JAVA_HOME",
		"Maven": "maven",
		"ports": "--base-port",
	} {
		f := find(t, findings, subject)
		require.True(t, f.Missing(), "%+v", f)
		require.Contains(t, f.Remedy, remedy)
	}
}

func TestWhatOnlyTestsNeedIsNotMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	findings := Check(t.Context(), t.TempDir(), launch.Addresses{BasePort: 17300})
	for _, subject := range []string{"Chromium", "npm"} {
		f := find(t, findings, subject)
		require.False(t, f.Missing(), "%+v", f)
		require.Contains(t, f.Remedy, "install")
		var out bytes.Buffer
		require.Zero(t, Report(&out, []Finding{f}))
		require.Contains(t, out.String(), "only tests need it")
	}
}

func TestTheReportCountsWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	missing := Report(&out, []Finding{
		{Subject: "Go", Found: "go1.26"},
		{Subject: "Maven", Found: "no mvn on PATH", Remedy: "apt-get install maven"},
	})
	require.Equal(t, 1, missing)
	require.Equal(t, `ok       Go       go1.26
MISSING  Maven    no mvn on PATH
                  apt-get install maven
`, out.String())
}

func TestDiskIsMeasuredWhereTheFolderWillBe(t *testing.T) {
	dir := t.TempDir()
	f := checkDisk(dir + "/not/there/yet")
	require.Contains(t, f.Found, dir)
	_, err := os.Stat(dir + "/not")
	require.ErrorIs(t, err, os.ErrNotExist)
}
