package dist

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"codebank.dev/native/child"
)

// dependencyPlugin is the Maven plug-in that fetches artifacts.
const dependencyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"

// ErrNoMaven is returned if something must be fetched and there is no mvn.
var ErrNoMaven = errors.New("no mvn on PATH: install Maven, for example with: apt-get install maven")

// Artifact names a file in a Maven repository.
type Artifact struct {
	Group, Name, Version string
	// Type is the packaging; empty means jar.
	Type string
	// Classifier distinguishes the files of one artifact; usually it is empty.
	Classifier string
}

// String is the form that Maven reads: group:name:version:type:classifier.
func (a Artifact) String() string {
	parts := []string{a.Group, a.Name, a.Version, a.kind()}
	if a.Classifier != "" {
		parts = append(parts, a.Classifier)
	}
	return strings.Join(parts, ":")
}

func (a Artifact) kind() string {
	if a.Type == "" {
		return "jar"
	}
	return a.Type
}

// fetch puts one artifact into a folder, without its dependencies, and returns the file.
func (s *Store) fetch(ctx context.Context, artifact Artifact, into string) (string, error) {
	before, err := filepath.Glob(filepath.Join(into, "*"))
	if err != nil {
		return "", err
	}
	err = s.maven(ctx, into, project{}, dependencyPlugin+":copy",
		"-Dartifact="+artifact.String(), "-DoutputDirectory="+into)
	if err != nil {
		return "", err
	}
	after, err := filepath.Glob(filepath.Join(into, "*."+artifact.kind()))
	if err != nil {
		return "", err
	}
	for _, file := range after {
		if !slices.Contains(before, file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("Maven fetched %s and left no file", artifact)
}

// fetchTree puts artifacts and their runtime dependencies into one folder, without the
// artifacts of the excluded groups.
func (s *Store) fetchTree(ctx context.Context, artifacts []Artifact, excludedGroups []string, into string) error {
	args := []string{dependencyPlugin + ":copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=" + into}
	if len(excludedGroups) > 0 {
		args = append(args, "-DexcludeGroupIds="+strings.Join(excludedGroups, ","))
	}
	return s.maven(ctx, into, projectOf(artifacts), args...)
}

// maven runs Maven on a temporary project. Repositories, mirrors and proxies come from the
// user's own settings.
func (s *Store) maven(ctx context.Context, near string, p project, args ...string) error {
	folder, err := os.MkdirTemp(filepath.Dir(near), scratchPrefix+"pom-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	content, err := xml.MarshalIndent(p.complete(), "", "  ")
	if err != nil {
		return err
	}
	pom := filepath.Join(folder, "pom.xml")
	if err := os.WriteFile(pom, content, 0o644); err != nil {
		return err
	}
	return Maven(ctx, folder, append([]string{"-f", pom}, args...)...)
}

// Maven runs mvn in a folder without output and questions. It uses the Java of the parts unless
// JAVA_HOME names another. The error contains the end of Maven's output.
func Maven(ctx context.Context, folder string, args ...string) error {
	program, err := exec.LookPath("mvn")
	if err != nil {
		return ErrNoMaven
	}
	cmd := exec.Command(program, append([]string{"-q", "-B"}, args...)...)
	cmd.Dir = folder
	cmd.Env = os.Environ()
	if os.Getenv("JAVA_HOME") == "" {
		if java, err := FindJava(ctx); err == nil {
			cmd.Env = append(cmd.Env, "JAVA_HOME="+java.Home)
		}
	}
	return child.Run(ctx, cmd, child.Options{})
}

// project is a Maven project that only lists what to fetch.
type project struct {
	XMLName      xml.Name     `xml:"project"`
	ModelVersion string       `xml:"modelVersion"`
	Group        string       `xml:"groupId"`
	Name         string       `xml:"artifactId"`
	Version      string       `xml:"version"`
	Packaging    string       `xml:"packaging"`
	Dependencies []dependency `xml:"dependencies>dependency"`
}

type dependency struct {
	Group      string `xml:"groupId"`
	Name       string `xml:"artifactId"`
	Version    string `xml:"version"`
	Type       string `xml:"type"`
	Classifier string `xml:"classifier,omitempty"`
}

func projectOf(artifacts []Artifact) project {
	var p project
	for _, a := range artifacts {
		p.Dependencies = append(p.Dependencies, dependency{a.Group, a.Name, a.Version, a.kind(), a.Classifier})
	}
	return p
}

func (p project) complete() project {
	p.ModelVersion, p.Packaging = "4.0.0", "pom"
	p.Group, p.Name, p.Version = "dev.codebank", "distributions", "1"
	return p
}
