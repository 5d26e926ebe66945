package connectors_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThePlugInPassesItsTestsAndHasNoClassOfTheWorker builds and tests the plug-in in a copy, so
// that it does not disturb another build.
func TestThePlugInPassesItsTestsAndHasNoClassOfTheWorker(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Maven and a JDK; -short runs without a JVM")
	}
	// The tests read the released events at their place in the repository.
	repository := t.TempDir()
	for _, folder := range []string{"avro", "event/testdata"} {
		require.NoError(t, os.CopyFS(filepath.Join(repository, "schemas", folder), os.DirFS("../schemas/"+folder)))
	}
	build := filepath.Join(repository, "connectors", "plugin")
	require.NoError(t, os.CopyFS(filepath.Join(build, "src"), os.DirFS("plugin/src")))
	pom, err := os.ReadFile("plugin/pom.xml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(build, "pom.xml"), pom, 0o600))

	maven := exec.CommandContext(t.Context(), "mvn", "-q", "-B", "package")
	maven.Dir = build
	output, err := maven.CombinedOutput()
	require.NoError(t, err, "%s", output)

	jars, err := filepath.Glob(filepath.Join(build, "target", "plugin", "*"))
	require.NoError(t, err)
	require.Len(t, jars, 2, "a copy of a worker's class would win over the worker's: %s", jars)
	require.True(t, strings.HasPrefix(filepath.Base(jars[0]), "codebank-connect-"), jars[0])
	require.True(t, strings.HasPrefix(filepath.Base(jars[1]), "postgresql-"), jars[1])
	reports, err := filepath.Glob(filepath.Join(build, "target", "surefire-reports", "TEST-*.xml"))
	require.NoError(t, err)
	require.NotEmpty(t, reports, "no test ran")
}
