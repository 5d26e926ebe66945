package manifests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// placeColumns are the headers of columns that name folders and files. openFirst is the header of
// a column with files to open first: its paths are relative to the place of the row, to the folder
// around that place, or to the folder of the document.
var placeColumns = []string{"folder", "module", "package", "file", "where"}

const openFirst = "open first"

var (
	quoted = regexp.MustCompile("`([^`]+)`")
	// within matches a name and the place where it is: `Post` in `bank/book.go`.
	within = regexp.MustCompile("`([^`]+)` in `([^`]+)`")
	// pathLike matches a path: it has a folder or an extension, and no spaces.
	pathLike = regexp.MustCompile(`^[\w{][\w.,*{}…/-]*(/[\w.,*{}…-]*|\.[a-z]+)$`)
	// braces matches alternatives in a path, and placeholder a part that stands for several.
	braces      = regexp.MustCompile(`\{([^}]*)\}`)
	placeholder = regexp.MustCompile(`<[^>]*>|\bvN\b`)
)

func TestTablesNameExistingFiles(t *testing.T) {
	checked := map[string]int{}
	for path, text := range documents(t) {
		name, err := filepath.Rel(root(t), path)
		require.NoError(t, err)
		tables := tableCheck{root: root(t), folder: filepath.Dir(name)}
		tables.check(text)
		require.Empty(t, tables.missing, "%s names files that do not exist", name)
		checked[name] = tables.found
	}
	for name, least := range map[string]int{
		"README.md": 40, "DESIGN.md": 60, "schemas/README.md": 10, "checkout/DESIGN.md": 10, "connectors/README.md": 20,
		"dashboards/README.md": 15, "stack/DESIGN.md": 15,
	} {
		require.GreaterOrEqual(t, checked[name], least, "paths in the tables of %s", name)
	}
}

// tableCheck finds the files that the tables of a document name.
type tableCheck struct {
	// root is the repository, and folder is the document's folder below it.
	root, folder string
	found        int
	missing      []string
}

// check reads every table of a document.
func (c *tableCheck) check(text string) {
	var header []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = nil
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if header == nil {
			header = cells
			continue
		}
		c.row(header, cells)
	}
}

// row checks one row.
func (c *tableCheck) row(header, cells []string) {
	bases := []string{c.folder}
	for i, cell := range cells {
		if i < len(header) && slices.Contains(placeColumns, header[i]) {
			for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
				for _, place := range c.expect(match[1], []string{c.folder, "."}) {
					bases = append(bases, place, filepath.Dir(place))
				}
			}
		}
	}
	for i, cell := range cells {
		if i >= len(header) || header[i] != openFirst {
			continue
		}
		for _, match := range within.FindAllStringSubmatch(cell, -1) {
			c.expectWithin(match[1], match[2])
		}
		beside := bases
		for _, match := range quoted.FindAllStringSubmatch(within.ReplaceAllString(cell, ""), -1) {
			if pathLike.MatchString(match[1]) {
				for _, place := range c.expect(match[1], beside) {
					// The next name in the cell may be that of a file beside this one.
					beside = append(beside, filepath.Dir(place))
				}
			}
		}
	}
}

// expect returns the places that a path names below one of the folders. A place that does not
// exist is missing.
func (c *tableCheck) expect(path string, folders []string) []string {
	var places []string
	for _, one := range alternatives(placeholder.ReplaceAllString(path, "*")) {
		place := ""
		for _, folder := range folders {
			if place = c.locate(folder, one); place != "" {
				break
			}
		}
		if place == "" {
			c.missing = append(c.missing, one)
			continue
		}
		c.found++
		places = append(places, place)
	}
	return places
}

// expectWithin checks that a file exists at any depth below a folder, or that a file contains a
// name.
func (c *tableCheck) expectWithin(name, place string) {
	for _, at := range c.expect(place, []string{c.folder}) {
		if strings.HasSuffix(place, "/") {
			c.expect("…/"+name, []string{at})
			continue
		}
		content, err := os.ReadFile(filepath.Join(c.root, at))
		if err != nil || !regexp.MustCompile(`\b`+regexp.QuoteMeta(name)+`\b`).Match(content) {
			c.missing = append(c.missing, name+" in "+place)
			continue
		}
		c.found++
	}
}

// locate returns the first place below a folder that a pattern names, or "". An ellipsis in the
// pattern stands for any folders.
func (c *tableCheck) locate(folder, pattern string) string {
	above, file, deep := strings.Cut(pattern, "…/")
	if !deep {
		matches, err := filepath.Glob(filepath.Join(c.root, folder, pattern))
		if err != nil || len(matches) == 0 {
			return ""
		}
		return c.below(matches[0])
	}
	found := ""
	_ = filepath.WalkDir(filepath.Join(c.root, folder, above), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() == file {
			found = c.below(path)
			return filepath.SkipAll
		}
		return nil
	})
	return found
}

// below returns a path relative to the root.
func (c *tableCheck) below(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, c.root), string(filepath.Separator))
}

// alternatives returns the paths that a path with braces names.
func alternatives(path string) []string {
	at := braces.FindStringSubmatchIndex(path)
	if at == nil {
		return []string{path}
	}
	var paths []string
	for one := range strings.SplitSeq(path[at[2]:at[3]], ",") {
		paths = append(paths, alternatives(path[:at[0]]+one+path[at[1]:])...)
	}
	return paths
}

func TestAMissingFileInATableIsFound(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"bank/card/issue.go", "bank/doc.go", "plugin/src/a/One.java", "plugin/src/a/Two.java"} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("func Issue()"), 0o600))
	}
	for _, tt := range []struct {
		folder, row string
		missing     []string
	}{
		{".", "| folder | open first |\n|---|---|\n| `bank/` | `doc.go`, then `card/issue.go` |", nil},
		{".", "| folder | open first |\n|---|---|\n| `bank/` | `doc.go`, then `issue.go` |", []string{"issue.go"}},
		{".", "| package | open first |\n|---|---|\n| `bank/card` | `card/issue.go`, `issue.go` |", nil},
		{".", "| package | open first |\n|---|---|\n| `bank/{card,purchase}` | |", []string{"bank/purchase"}},
		{".", "| question | open first |\n|---|---|\n| `x.go`? | `Issue` in `bank/card/issue.go`; `Two.java` in `plugin/` |", nil},
		{".", "| question | open first |\n|---|---|\n| `x.go`? | `Sell` in `bank/card/issue.go`; `Six.java` in `plugin/` |",
			[]string{"Sell in bank/card/issue.go", "…/Six.java"}},
		{"plugin", "| step | open first |\n|---|---|\n| x | `src/…/One.java`, `Two.java`; `src/*/*.java` |", nil},
		{"plugin", "| step | open first |\n|---|---|\n| x | `src/…/One.java`, `Six.java`; `src/*/*.kt` |", []string{"Six.java", "src/*/*.kt"}},
		{"bank", "| what | where |\n|---|---|\n| x | `<use case>/*.go` |", nil},
		{"bank", "| what | holds |\n|---|---|\n| x | `none.go` |", nil},
	} {
		tables := tableCheck{root: folder, folder: tt.folder}
		tables.check("Text.\n\n" + tt.row + "\n")
		require.Equal(t, tt.missing, tables.missing, tt.row)
	}
}
