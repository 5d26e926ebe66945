package dist

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoRoot is returned by [Root] outside the repository.
var ErrNoRoot = errors.New("not inside the repository: no go.work here or above")

// Root is the top folder of the repository: the folder of the go.work file in
// force, or, where the go command cannot tell, the nearest folder at or above
// the working directory that has one.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOWORK").Output()
	if file := strings.TrimSpace(string(out)); err == nil && filepath.Base(file) == "go.work" {
		return filepath.Dir(file), nil
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", ErrNoRoot
		}
		folder = filepath.Dir(folder)
	}
}
