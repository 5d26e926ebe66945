package dist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// MinimumJava is the oldest Java release that runs all parts.
const MinimumJava = 21

// Java is an installed Java development kit.
type Java struct {
	// Home is its folder. The program is bin/java below it.
	Home string
	// Version is the feature release, for example 21.
	Version int
}

// ErrNoJava is returned by [FindJava] if no installed Java is new enough.
var ErrNoJava = fmt.Errorf("no JDK %d or newer found: set CODEBANK_JAVA_HOME to one", MinimumJava)

// Program is the path of a program of the kit, such as "java".
func (j Java) Program(name string) string {
	return filepath.Join(j.Home, "bin", name)
}

// FindJava looks for a JDK that is new enough: first in the folders of CODEBANK_JAVA_HOME and
// JAVA_HOME, then for the java on PATH, then in the folders where systems install JDKs, newest
// first. A CODEBANK_JAVA_HOME without such a JDK is an error, because somebody chose it.
func FindJava(ctx context.Context) (Java, error) {
	if home := os.Getenv("CODEBANK_JAVA_HOME"); home != "" {
		java, err := readVersion(ctx, home)
		if err == nil && java.Version < MinimumJava {
			err = fmt.Errorf("its release is %d", java.Version)
		}
		if err != nil {
			return Java{}, fmt.Errorf("CODEBANK_JAVA_HOME=%s is not a JDK %d or newer: %w", home, MinimumJava, err)
		}
		return java, nil
	}
	for _, home := range namedHomes() {
		if java, err := readVersion(ctx, home); err == nil && java.Version >= MinimumJava {
			return java, nil
		}
	}
	var best Java
	for _, home := range installedHomes() {
		java, err := readVersion(ctx, home)
		if err == nil && java.Version >= MinimumJava && java.Version > best.Version {
			best = java
		}
	}
	if best.Home == "" {
		return Java{}, ErrNoJava
	}
	return best, nil
}

// namedHomes returns the folders that the environment names.
func namedHomes() []string {
	var homes []string
	if home := os.Getenv("JAVA_HOME"); home != "" {
		homes = append(homes, home)
	}
	if program, err := exec.LookPath("java"); err == nil {
		// On many systems the java on PATH is a link to a link.
		if program, err = filepath.EvalSymlinks(program); err == nil {
			homes = append(homes, filepath.Dir(filepath.Dir(program)))
		}
	}
	return homes
}

// installedHomes returns the folders of the system's Java installations.
func installedHomes() []string {
	patterns := []string{
		"/usr/lib/jvm/*",
		"/usr/java/*",
		"/opt/java/*",
		"/opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
		"/Library/Java/JavaVirtualMachines/*/Contents/Home",
	}
	var homes []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		homes = append(homes, found...)
	}
	slices.Sort(homes)
	return homes
}

// javaVersion finds the feature release in the output of `java -version`: "25.0.1" and "21-ea"
// begin with it, in "1.8.0_292" it comes second.
var javaVersion = regexp.MustCompile(`version "(?:1\.)?(\d+)`)

// readVersion runs java to read its version. A folder without javac is only a runtime, and the
// plug-in must be compiled.
func readVersion(ctx context.Context, home string) (Java, error) {
	java := Java{Home: home}
	if _, err := os.Stat(java.Program("javac")); err != nil {
		return Java{}, err
	}
	out, err := exec.CommandContext(ctx, java.Program("java"), "-version").CombinedOutput()
	if err != nil {
		return Java{}, err
	}
	match := javaVersion.FindSubmatch(out)
	if match == nil {
		return Java{}, errors.New("unknown version of Java: " + string(out))
	}
	java.Version, err = strconv.Atoi(string(match[1]))
	return java, err
}
