// Command generate writes the files that are made from the code of the dashboards: the saved objects
// and alert rules, one in each file, and the page of definitions. With --check it writes nothing. It
// fails and names the files if any file differs from what it would write.
//
//	go run ./dashboards/generate [--check]
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"codebank.dev/dashboards"
	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/definition"
	"codebank.dev/dashboards/saved"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("generate", flag.ContinueOnError)
	check := flags.Bool("check", false, "write nothing; fail if a file differs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	root, err := rootFolder()
	if err != nil {
		return err
	}
	wanted, err := files()
	if err != nil {
		return err
	}
	changes, err := differing(root, wanted)
	if err != nil {
		return err
	}
	if *check {
		if len(changes) > 0 {
			return fmt.Errorf("go run ./dashboards/generate would change %s", strings.Join(changes, ", "))
		}
		return nil
	}
	for _, name := range changes {
		if err := write(filepath.Join(root, filepath.FromSlash(name)), wanted[name]); err != nil {
			return err
		}
		fmt.Fprintln(out, name)
	}
	return nil
}

// files returns the content of all generated files, by their names below the root.
func files() (map[string][]byte, error) {
	boards := catalogue.Dashboards()
	objects, err := saved.Objects(catalogue.DataViews(), boards)
	if err != nil {
		return nil, err
	}
	rules := catalogue.Rules()
	wanted := map[string][]byte{"docs/definitions.md": definition.Page(boards, rules)}
	for _, rule := range rules {
		if wanted["dashboards/"+dashboards.Rule+"/"+rule.ID+".json"], err = dashboards.JSON(rule.Body()); err != nil {
			return nil, err
		}
	}
	for _, object := range objects {
		wanted["dashboards/"+object.Type+"/"+object.ID+".json"] = object.Body
	}
	return wanted, nil
}

// differing returns the sorted names of the files that differ from the wanted content.
// It includes files that are present and not wanted.
func differing(root string, wanted map[string][]byte) ([]string, error) {
	var names []string
	for name, content := range wanted {
		current, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err != nil || !bytes.Equal(current, content) {
			names = append(names, name)
		}
	}
	present, err := filepath.Glob(filepath.Join(root, "dashboards", "*", "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range present {
		below, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		if name := filepath.ToSlash(below); wanted[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// write writes the content to the path. Without content it removes the file.
func write(path string, content []byte) error {
	if content == nil {
		return os.Remove(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// rootFolder returns the folder of the workspace.
func rootFolder() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.work")); err == nil {
			return folder, nil
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", errors.New("no go.work above this folder")
		}
		folder = parent
	}
}
