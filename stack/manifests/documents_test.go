package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// documents returns every document of the repository, by its path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != top && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "target") {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, ".md") {
			content, err := os.ReadFile(path)
			found[path] = string(content)
			return err
		}
		return nil
	}))
	require.Contains(t, found, filepath.Join(top, "README.md"))
	return found
}

// link matches a link to a file. namedPath matches a folder or file in a table.
var (
	link      = regexp.MustCompile(`\]\(([^)#:]+)\)`)
	namedPath = regexp.MustCompile("`([a-z][\\w-]*/[\\w./*-]*)`")
)

// TestDocumentsNameExistingFiles checks links and the README's map. TestTablesNameExistingFiles
// checks every map of the documents by its columns.
func TestDocumentsNameExistingFiles(t *testing.T) {
	for path, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(path), match[1]))
			require.NoError(t, err, "%s links to %s", path, match[1])
		}
	}
	for line := range strings.Lines(section(t, "README.md", "Where each step lives")) {
		for _, match := range namedPath.FindAllStringSubmatch(line, -1) {
			_, err := os.Stat(filepath.Join(root(t), match[1]))
			require.NoError(t, err, "README.md says to open %s", match[1])
		}
	}
}

// section returns the part of a document below a heading.
func section(t *testing.T, name, heading string) string {
	t.Helper()
	_, below, found := strings.Cut(read(t, name), "\n## "+heading+"\n")
	require.True(t, found, "%s has no %q", name, heading)
	part, _, _ := strings.Cut(below, "\n## ")
	return part
}

func TestDocumentsDoNotPromiseExactlyOnce(t *testing.T) {
	for path, text := range documents(t) {
		require.NotRegexp(t, `(?i)\bexactly[ -]once\b`, text, path)
	}
	require.Contains(t, read(t, "README.md"), "delivered at least once and takes effect once")
}

func TestCIRunsTheTestCommandOfTheReadme(t *testing.T) {
	command := regexp.MustCompile(`(?m)^    (go test [^#\n]* work) *#`).FindStringSubmatch(read(t, "README.md"))
	require.NotNil(t, command)
	require.Contains(t, strings.Split(read(t, ".ci/run"), "\n"), command[1])
}

func TestThePortsOfTheReadmeAreTheLaunchers(t *testing.T) {
	launcher := read(t, "stack/launch/addresses.go")
	ports := section(t, "README.md", "Operations")
	for part, name := range map[string]string{
		"Postgres": "postgresPort", "Kafka": "kafkaPort", "schema registry": "registryPort",
		"Kafka Connect": "connectPort", "Elasticsearch": "elasticsearchPort",
	} {
		offset := regexp.MustCompile(name + `\s+= (\d+)`).FindStringSubmatch(launcher)
		require.NotNil(t, offset, name)
		require.Contains(t, ports, "| "+part+" | +"+offset[1]+" |")
	}
}
