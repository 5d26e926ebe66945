package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// workspace is a temporary folder with our protos, the google protos that they import,
// and the generated files. buf.yaml describes its layout.
type workspace struct {
	dir  string
	root string
}

// newWorkspace creates a workspace under .stack. The caller removes it.
func newWorkspace(ctx context.Context, root string) (*workspace, error) {
	store := filepath.Join(filepath.Dir(root), ".stack", "schemas")
	if err := os.MkdirAll(store, 0o755); err != nil {
		return nil, err
	}
	archive, err := googleProtos(ctx, root, store)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(store, "workspace-")
	if err != nil {
		return nil, err
	}
	w := &workspace{dir: dir, root: root}
	if err := w.fill(archive); err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

func (w *workspace) fill(archive string) error {
	if err := os.CopyFS(w.path("proto"), os.DirFS(filepath.Join(w.root, "proto"))); err != nil {
		return err
	}
	for _, name := range []string{"buf.yaml", "buf.gen.yaml"} {
		body, err := os.ReadFile(filepath.Join(w.root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(w.path(name), body, 0o644); err != nil {
			return err
		}
	}
	return unpackProtos(archive, w.path("google"))
}

func (w *workspace) path(name string) string { return filepath.Join(w.dir, name) }

// remove deletes the workspace. A workspace that remains does no harm and lies under
// .stack.
func (w *workspace) remove() { _ = os.RemoveAll(w.dir) }

// generate writes the workspace's folder gen: Go code, one OpenAPI document for each
// package, and the sums of the inputs.
func (w *workspace) generate(ctx context.Context) error {
	gen := w.path("gen")
	if err := w.buf(ctx, "generate", w.path("proto"), "--template", w.path("buf.gen.yaml"), "-o", gen); err != nil {
		return err
	}
	shown, err := openExamples(filepath.Join(w.root, examplesFile))
	if err != nil {
		return err
	}
	if err := mergeOpenAPI(filepath.Join(gen, "openapi"), shown); err != nil {
		return err
	}
	inputs, err := inputSums(w.root)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(gen, "inputs.sha256"), []byte(inputs), 0o644)
}

// buf runs buf in the folder of the tools module, where `go tool` finds buf and the
// plug-ins. In error texts it replaces the paths of the workspace with the paths of the
// module.
func (w *workspace) buf(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "buf"}, args...)...)
	cmd.Dir = filepath.Join(w.root, "tools")
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	text := string(out)
	if relative, relErr := filepath.Rel(cmd.Dir, w.dir); relErr == nil {
		text = strings.ReplaceAll(text, relative, "schemas")
	}
	text = strings.ReplaceAll(text, w.dir, "schemas")
	return fmt.Errorf("buf %s: %w\n%s", args[0], err, strings.TrimSpace(text))
}

// files returns the regular files under dir, by slash-separated path. A folder that
// does not exist has none.
func files(dir string) (map[string][]byte, error) {
	found := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		found[filepath.ToSlash(name)] = body
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	return found, err
}
