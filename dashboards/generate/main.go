// Command generate writes what is made of the dashboards' code: the saved objects and
// alert rules, one in a file, and the page of definitions. With --check it writes nothing and fails,
// naming the files, if they differ from what it would write.
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
	check := flags.Bool("check", false, "only say what differs")
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

// files are all files that are made, by their names below the root.
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

// differing returns the names of the files that are not as wanted, those included that
// nobody wants, sorted.
func differing(root string, wanted map[string][]byte) ([]string, error) {
	var names []string
	for name, content := range wanted {
		there, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err != nil || !bytes.Equal(there, content) {
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

// write puts the content where it belongs; without content the file goes away.
func write(path string, content []byte) error {
	if content == nil {
		return os.Remove(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// rootFolder is the folder of the workspace.
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
