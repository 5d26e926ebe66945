package programtest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/child"
)

// StartPackage builds the program of a package, for example codebank.dev/bank/cmd/bank, and
// starts it with these arguments and further variables, KEY=value. It waits for the build
// and not for the program. The program ends with the test; a test that failed shows the
// program's log. A test program builds a package once. The executable is removed when the
// test program ends, however it ends.
func StartPackage(t testing.TB, pkg string, environ []string, args ...string) *Program {
	t.Helper()
	executable, err := built.executable(pkg)
	require.NoError(t, err)
	p := &Program{log: &logs{}}
	command := exec.Command(executable, args...)
	command.Env = append(os.Environ(), environ...)
	command.Stdout, command.Stderr = p.log, p.log
	process, err := child.Start(command, child.Options{})
	require.NoError(t, err)
	p.process, p.gone = process, process.Done()
	t.Cleanup(func() {
		_ = process.Signal(os.Kill)
		<-p.gone
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	return p
}

// built has the executables of this test program. It is a variable because tests have no
// other place to share them.
var built builds

// builds builds each package once, into one folder.
type builds struct {
	mutex       sync.Mutex
	folder      string
	executables map[string]string
	// lifeline is open as long as the folder is needed.
	lifeline io.Closer
}

func (b *builds) executable(pkg string) (string, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if path, known := b.executables[pkg]; known {
		return path, nil
	}
	if b.folder == "" {
		if err := b.makeFolder(); err != nil {
			return "", err
		}
	}
	path := filepath.Join(b.folder, strings.ReplaceAll(pkg, "/", "-"))
	if err := build(pkg, path); err != nil {
		return "", err
	}
	b.executables[pkg] = path
	return path, nil
}

// removal waits until its input ends, which it does with the test program, and then removes
// the folder. It is a process of its own, because a test that panics or is killed runs no
// deferred function.
const removal = `read -r _; rm -rf "$1"`

func (b *builds) makeFolder() error {
	folder, err := os.MkdirTemp("", "codebank-programs-")
	if err != nil {
		return err
	}
	remover := exec.Command("/bin/sh", "-c", removal, "removal", folder)
	// A Ctrl-C at the terminal must not reach it before the test program has ended.
	remover.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if b.lifeline, err = remover.StdinPipe(); err != nil {
		return err
	}
	b.folder, b.executables = folder, make(map[string]string)
	return remover.Start()
}

// build compiles a program in the folder of its own module, so that the requirements of
// that module count and not those of the test's module.
func build(pkg, path string) error {
	const parts = 3 // domain, module and the folder below it
	elements := strings.SplitN(pkg, "/", parts)
	if len(elements) < parts {
		return fmt.Errorf("programtest: %s is not a package below a module", pkg)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", elements[0]+"/"+elements[1]).Output()
	if err != nil {
		return fmt.Errorf("programtest: finding the module of %s: %w", pkg, err)
	}
	command := exec.Command("go", "build", "-o", path, "./"+elements[2])
	command.Dir = strings.TrimSpace(string(module))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("programtest: building %s: %w\n%s", pkg, err, output)
	}
	return nil
}
