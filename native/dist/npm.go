package dist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"codebank.dev/native/child"
)

// axeVersion is the release of the checker of accessibility that the tests of pages use.
const axeVersion = "4.14.1"

// ErrNoNPM is returned if something must be fetched and there is no npm.
var ErrNoNPM = errors.New("no npm on PATH: install it, for example with: apt-get install npm")

// AxeCore provides the script that checks pages for accessibility. It returns the file.
func (s *Store) AxeCore(ctx context.Context) (string, error) {
	folder, err := s.Provide(ctx, "axe-core-"+axeVersion, func(ctx context.Context, into string) error {
		s.progress("fetching axe-core " + axeVersion)
		program, err := exec.LookPath("npm")
		if err != nil {
			return ErrNoNPM
		}
		cmd := exec.Command(program, "pack", "axe-core@"+axeVersion, "--silent", "--pack-destination", into)
		cmd.Dir, cmd.Env = into, os.Environ()
		if err := child.Run(ctx, cmd, child.Options{}); err != nil {
			return err
		}
		archives, err := filepath.Glob(filepath.Join(into, "*.tgz"))
		if err != nil || len(archives) != 1 {
			return errors.Join(fmt.Errorf("npm left %d archives of axe-core", len(archives)), err)
		}
		if err := unpackTarGz(archives[0], into); err != nil {
			return err
		}
		return errors.Join(os.Remove(archives[0]), flatten(into))
	})
	return filepath.Join(folder, "axe.min.js"), err
}
