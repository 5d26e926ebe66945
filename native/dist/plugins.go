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

// Plugins provides the plug-ins of Kafka Connect and returns the folders for the worker's
// plugin.path. Each holds one folder with the plug-in's jars. A changed plug-in has another
// folder, so a running worker keeps what it has loaded.
func (s *Store) Plugins(ctx context.Context) ([]string, error) {
	folder, err := s.ownPlugin(ctx)
	if err != nil || folder == "" {
		return nil, err
	}
	return []string{folder}, nil
}

// ownPlugin builds the plug-in of this repository, connectors/plugin, unless it was built from
// the same sources before. It returns "" if the sources are missing.
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
		// A copy is built, so that the built files are the hashed ones even if an editor or
		// another build changes the sources meanwhile.
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
		// The tests of the module run the plug-in's tests.
		if err := Maven(ctx, work, "-Dmaven.test.skip=true", "package"); err != nil {
			return err
		}
		return copyTree(filepath.Join(work, "target", "plugin"), into, "codebank")
	})
}

// pluginSources are the sources of the plug-in's jar.
var pluginSources = []string{"pom.xml", filepath.Join("src", "main")}

// hashOf returns a short hash of the names and contents of a plug-in's sources.
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
