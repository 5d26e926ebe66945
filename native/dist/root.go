package dist

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoRoot is returned by [Root] outside the repository.
var ErrNoRoot = errors.New("not inside the repository: there is no go.work in this folder or above it")

// Root is the top folder of the repository: the folder of the active go.work file. If the go
// command names none, it is the nearest folder with a go.work file at or above the working
// directory.
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
