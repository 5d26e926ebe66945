// Package doctor checks that a machine has what the stack needs, and says how to get what is
// missing.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/process"
	"codebank.dev/stack/launch"
)

// minimumDisk is the free space in bytes that the distributions, the programs and the data of a
// demonstration need. It includes a margin.
const minimumDisk = 4 << 30

// Finding is the result of one check.
type Finding struct {
	// Subject is what was checked.
	Subject string
	// Found describes what was found, or what is wrong if Remedy is set.
	Found string
	// Remedy is the command that helps; empty if nothing is missing.
	Remedy string
	// ForTests says that only the tests need the subject.
	ForTests bool
}

// Missing reports whether the stack cannot run because of the finding.
func (f Finding) Missing() bool { return f.Remedy != "" && !f.ForTests }

// Check makes all checks for a stack with a folder and a base port. It changes nothing.
func Check(ctx context.Context, dir string, addresses launch.Addresses) []Finding {
	return []Finding{
		checkGo(ctx),
		checkJava(ctx),
		checkMaven(),
		checkUser(),
		checkDisk(dir),
		checkPorts(addresses),
		checkChromium(),
		checkNPM(),
	}
}

// Report writes the findings, one line each, and returns how many are missing.
func Report(out io.Writer, findings []Finding) int {
	missing := 0
	for _, f := range findings {
		if f.Remedy != "" && f.ForTests {
			_, _ = fmt.Fprintf(out, "absent   %-8s %s; only tests need it\n         %-8s %s\n", f.Subject, f.Found, "", f.Remedy)
			continue
		}
		if !f.Missing() {
			_, _ = fmt.Fprintf(out, "ok       %-8s %s\n", f.Subject, f.Found)
			continue
		}
		missing++
		_, _ = fmt.Fprintf(out, "MISSING  %-8s %s\n         %-8s %s\n", f.Subject, f.Found, "", f.Remedy)
	}
	return missing
}

// wantedGo matches the line of the workspace file that names the Go release.
var wantedGo = regexp.MustCompile(`(?m)^go (\S+)$`)

func checkGo(ctx context.Context) Finding {
	f := Finding{Subject: "Go"}
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	f.Found = strings.TrimSpace(string(out))
	if err != nil {
		f.Found, f.Remedy = "no go on PATH", "install Go from https://go.dev/dl/"
		return f
	}
	root, err := dist.Root()
	if err != nil {
		f.Found, f.Remedy = err.Error(), "run the command inside the repository"
		return f
	}
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	if err != nil {
		return f
	}
	if match := wantedGo.FindSubmatch(work); match != nil && version.Compare(f.Found, "go"+string(match[1])) < 0 {
		f.Remedy = "install Go " + string(match[1]) + " or newer from https://go.dev/dl/"
	}
	return f
}

func checkJava(ctx context.Context) Finding {
	java, err := dist.FindJava(ctx)
	if err != nil {
		return Finding{
			Subject: "JDK", Found: err.Error(),
			Remedy: install(map[string]string{
				"apt-get": "openjdk-21-jdk-headless", "dnf": "java-21-openjdk-devel", "brew": "openjdk@21",
				"apk": "openjdk21-jdk", "pacman": "jdk21-openjdk",
			}) + "   (or unpack a newer one and set CODEBANK_JAVA_HOME)",
		}
	}
	return Finding{Subject: "JDK", Found: fmt.Sprintf("%d in %s", java.Version, java.Home)}
}

func checkMaven() Finding {
	program, err := exec.LookPath("mvn")
	if err != nil {
		return Finding{Subject: "Maven", Found: "no mvn on PATH", Remedy: install(map[string]string{
			"apt-get": "maven", "dnf": "maven", "brew": "maven", "apk": "maven", "pacman": "maven",
		})}
	}
	return Finding{Subject: "Maven", Found: program}
}

func checkUser() Finding {
	user, err := child.Unprivileged()
	switch {
	case err != nil:
		return Finding{Subject: "user", Found: err.Error(), Remedy: "useradd --system nobody"}
	case user == nil:
		return Finding{Subject: "user", Found: "not root"}
	default:
		return Finding{Subject: "user", Found: "root, and " + user.Name + " for programs that refuse to run as root"}
	}
}

// checkDisk checks the nearest folder that exists.
func checkDisk(dir string) Finding {
	f := Finding{Subject: "disk"}
	for {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		f.Found, f.Remedy = err.Error(), "choose another folder with --dir"
		return f
	}
	free := stat.Bavail * uint64(stat.Bsize)
	f.Found = fmt.Sprintf("%.1f GB free at %s", float64(free)/(1<<30), dir)
	if free < minimumDisk {
		f.Remedy = fmt.Sprintf("free at least %d GB", minimumDisk>>30)
	}
	return f
}

func checkPorts(addresses launch.Addresses) Finding {
	last := addresses.BasePort + launch.PortCount - 1
	f := Finding{Subject: "ports", Found: fmt.Sprintf("%d to %d", addresses.BasePort, last)}
	var taken []string
	for _, port := range addresses.Ports() {
		if !process.PortFree(port) {
			taken = append(taken, fmt.Sprint(port))
		}
	}
	if len(taken) > 0 {
		f.Found = "in use: " + strings.Join(taken, ", ")
		f.Remedy = "stop the programs that use them (perhaps another stack), or choose other ports with --base-port"
	}
	return f
}

// Chromium returns the browser that the tests of pages use. If there is none, the program is
// empty, and remedy is the command that installs it.
func Chromium() (program, remedy string) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, ""
		}
	}
	return "", install(map[string]string{
		"apt-get": "chromium", "dnf": "chromium", "brew": "--cask chromium", "apk": "chromium", "pacman": "chromium",
	})
}

func checkChromium() Finding {
	program, remedy := Chromium()
	if program == "" {
		return Finding{Subject: "Chromium", Found: "no chromium on PATH", Remedy: remedy, ForTests: true}
	}
	return Finding{Subject: "Chromium", Found: program}
}

func checkNPM() Finding {
	program, err := exec.LookPath("npm")
	if err != nil {
		return Finding{Subject: "npm", Found: "no npm on PATH", ForTests: true, Remedy: install(map[string]string{
			"apt-get": "npm", "dnf": "npm", "brew": "npm", "apk": "npm", "pacman": "npm",
		})}
	}
	return Finding{Subject: "npm", Found: program}
}

// install returns the command that installs a package on this system. names has the name of the
// package for each package manager.
func install(names map[string]string) string {
	for _, manager := range []string{"apt-get", "dnf", "apk", "pacman", "brew"} {
		if _, err := exec.LookPath(manager); err != nil {
			continue
		}
		verb := map[string]string{"apk": "add", "pacman": "-S"}[manager]
		if verb == "" {
			verb = "install"
		}
		command := manager + " " + verb + " " + names[manager]
		if runtime.GOOS != "darwin" && os.Geteuid() != 0 {
			command = "sudo " + command
		}
		return command
	}
	return "install " + names["apt-get"]
}
