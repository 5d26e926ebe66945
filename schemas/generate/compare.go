package main

import (
	"bytes"
	"os"
	"path/filepath"
	"sort"
)

// compare returns the differences between the folders want and have, one line for each
// file.
func compare(want, have string) ([]string, error) {
	wanted, err := files(want)
	if err != nil {
		return nil, err
	}
	had, err := files(have)
	if err != nil {
		return nil, err
	}
	var differences []string
	for name, body := range wanted {
		switch old, ok := had[name]; {
		case !ok:
			differences = append(differences, "missing: "+name)
		case !bytes.Equal(old, body):
			differences = append(differences, "differs: "+name)
		}
	}
	for name := range had {
		if _, ok := wanted[name]; !ok {
			differences = append(differences, "left over: "+name)
		}
	}
	sort.Strings(differences)
	return differences, nil
}

// mirror makes the folder to equal the folder from. It does not touch equal files. It
// returns how many files it wrote or removed.
func mirror(from, to string) (int, error) {
	wanted, err := files(from)
	if err != nil {
		return 0, err
	}
	had, err := files(to)
	if err != nil {
		return 0, err
	}
	changed := 0
	for name, body := range wanted {
		if old, ok := had[name]; ok && bytes.Equal(old, body) {
			continue
		}
		path := filepath.Join(to, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return changed, err
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return changed, err
		}
		changed++
	}
	for name := range had {
		if _, ok := wanted[name]; ok {
			continue
		}
		if err := os.Remove(filepath.Join(to, filepath.FromSlash(name))); err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
}
