package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const (
	// releasedSums lists every released file with its SHA-256, in the form of
	// sha256sum, by the path from the module's root. Lines are added and never changed.
	releasedSums = "released/SHA256SUMS"
	imagePattern = "released/protos-%04d.binpb"
)

// inputSums returns the sums of everything that gen/ is made from. So a test can detect
// a stale gen/ without any tool.
func inputSums(root string) (string, error) {
	protos, err := files(filepath.Join(root, "proto"))
	if err != nil {
		return "", err
	}
	names := []string{"buf.gen.yaml", examplesFile, "tools/go.mod", "tools/requirements.txt"}
	for name := range protos {
		names = append(names, "proto/"+name)
	}
	sort.Strings(names)
	var list strings.Builder
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&list, "%s  %s\n", sumOf(body), name)
	}
	return list.String(), nil
}

// readSums returns the released files and their sums. The result is empty if nothing is
// released.
func readSums(root string) (map[string]string, error) {
	body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(releasedSums)))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.Lines(string(body)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || len(sum) != 64 {
			return nil, fmt.Errorf("%s: malformed line %q", releasedSums, line)
		}
		sums[name] = sum
	}
	return sums, nil
}

// checkSums returns an error if a released file is missing or differs.
func checkSums(root string) error {
	sums, err := readSums(root)
	if err != nil {
		return err
	}
	for name, sum := range sums {
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return fmt.Errorf("released file: %w", err)
		}
		if sumOf(body) != sum {
			return fmt.Errorf("%s was released and has changed; add a new version instead", name)
		}
	}
	return nil
}

// newestImage returns the path of the last released image of the protos, or "".
func newestImage(root string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, "released", "protos-*.binpb"))
	if err != nil || len(found) == 0 {
		return "", err
	}
	sort.Strings(found)
	return found[len(found)-1], nil
}

// recordRelease adds an image if the protos differ from the newest image. It also adds
// the sums of the image and of every Avro schema that is not listed yet. It returns the
// names that it added. A second run adds none.
func recordRelease(ctx context.Context, w *workspace, root string) ([]string, error) {
	if err := os.MkdirAll(filepath.Join(root, "released"), 0o755); err != nil {
		return nil, err
	}
	if err := addImage(ctx, w, root); err != nil {
		return nil, err
	}
	sums, err := readSums(root)
	if err != nil {
		return nil, err
	}
	var added []string
	for _, pattern := range []string{"avro/*/v*.avsc", "released/protos-*.binpb"} {
		paths, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			name, err := filepath.Rel(root, path)
			if err != nil {
				return nil, err
			}
			if name = filepath.ToSlash(name); sums[name] == "" {
				added = append(added, name)
			}
		}
	}
	return added, appendSums(root, added)
}

func addImage(ctx context.Context, w *workspace, root string) error {
	image := w.path("image.binpb")
	if err := w.buf(ctx, "build", w.path("proto"), "--exclude-source-info", "-o", image); err != nil {
		return err
	}
	body, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	newest, err := newestImage(root)
	if err != nil {
		return err
	}
	number := 1
	if newest != "" {
		last, err := os.ReadFile(newest)
		if err != nil {
			return err
		}
		if sumOf(last) == sumOf(body) {
			return nil
		}
		if _, err := fmt.Sscanf(filepath.Base(newest), filepath.Base(imagePattern), &number); err != nil {
			return err
		}
		number++
	}
	return os.WriteFile(filepath.Join(root, filepath.FromSlash(fmt.Sprintf(imagePattern, number))), body, 0o644)
}

func appendSums(root string, names []string) error {
	list, err := os.OpenFile(filepath.Join(root, filepath.FromSlash(releasedSums)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for _, name := range names {
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return errors.Join(err, list.Close())
		}
		if _, err := fmt.Fprintf(list, "%s  %s\n", sumOf(body), name); err != nil {
			return errors.Join(err, list.Close())
		}
	}
	return list.Close()
}
