package dist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Plugins provides every plug-in of Kafka Connect and returns the folders that
// belong on the worker's plugin.path: each holds one folder, and that one the
// plug-in's jars, flat. A changed plug-in is another folder, so a worker that
// runs keeps what it has loaded.
func (s *Store) Plugins(ctx context.Context) ([]string, error) {
	folder, err := s.ownPlugin(ctx)
	if err != nil || folder == "" {
		return nil, err
	}
	return []string{folder}, nil
}

// ownPlugin builds the plug-in of this repository, connectors/plugin, unless it
// has been built from the same sources before. It is empty where the sources
// are not there.
func (s *Store) ownPlugin(ctx context.Context) (string, error) {
	sources := filepath.Join(s.root, "connectors", "plugin")
	if _, err := os.Stat(filepath.Join(sources, "pom.xml")); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	hash, err := hashOf(sources)
	if err != nil {
		return "", err
	}
	return s.Provide(ctx, "plugins/codebank-"+hash, func(ctx context.Context, into string) error {
		s.progress("building the plug-in connectors/plugin")
		// In a copy: what is built must be what was hashed, whatever an editor or
		// another build does to the sources meanwhile.
		work, err := os.MkdirTemp(filepath.Dir(into), scratchPrefix+"build-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(work)
		for _, name := range pluginSources {
			if err := copyTree(filepath.Join(sources, name), work, name); err != nil {
				return err
			}
		}
		// Its tests run with the tests of the module.
		if err := Maven(ctx, work, "-Dmaven.test.skip=true", "package"); err != nil {
			return err
		}
		return copyTree(filepath.Join(work, "target", "plugin"), into, "codebank")
	})
}

// pluginSources is what the plug-in's jar is made of.
var pluginSources = []string{"pom.xml", filepath.Join("src", "main")}

// hashOf is a short hash over the names and contents of a plug-in's sources.
func hashOf(sources string) (string, error) {
	sum := sha256.New()
	for _, name := range pluginSources {
		err := filepath.WalkDir(filepath.Join(sources, name), func(file string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(sum, "%s %d\n%s", strings.TrimPrefix(file, sources), len(content), content)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}
