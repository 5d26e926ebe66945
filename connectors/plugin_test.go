package connectors_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The plug-in's jar holds a copy of the contracts, so that a sink refuses what the bank's
// programs refuse, and recognizes the bank's events without a registry.
func TestThePlugInHasTheContractsOfTheBank(t *testing.T) {
	const resources = "plugin/src/main/resources/dev/codebank/connect"
	for _, subject := range []string{"transactions", "watermarks"} {
		contracts := map[string]string{"bounds.json": filepath.Join("../schemas/bounds", subject+".json")}
		versions, err := filepath.Glob(filepath.Join("../schemas/avro", subject, "*.avsc"))
		require.NoError(t, err)
		for _, version := range versions {
			contracts[filepath.Base(version)] = version
		}
		copies, err := os.ReadDir(filepath.Join(resources, subject))
		require.NoError(t, err)
		require.Len(t, copies, len(contracts), subject)
		for name, contract := range contracts {
			want, err := os.ReadFile(contract)
			require.NoError(t, err)
			have, err := os.ReadFile(filepath.Join(resources, subject, name))
			require.NoError(t, err)
			require.Equal(t, string(want), string(have), "copy %s into %s/%s", contract, resources, subject)
		}
	}
}

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
