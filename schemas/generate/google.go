package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// importable are the google protos that our protos may import: HTTP routes, required
// fields, answers that are no JSON, and the status inside a stream. A new import must be
// added here.
var importable = []string{
	"google/api/annotations.proto",
	"google/api/field_behavior.proto",
	"google/api/http.proto",
	"google/api/httpbody.proto",
	"google/rpc/error_details.proto",
	"google/rpc/status.proto",
}

var hashPattern = regexp.MustCompile(`--hash=sha256:([0-9a-f]{64})`)

// googleProtos returns the archive of google's protos in the folder store, and
// downloads it if it is missing. tools/requirements.txt pins the content of the
// archive. Any other content is an error.
func googleProtos(ctx context.Context, root, store string) (string, error) {
	requirements := filepath.Join(root, "tools", "requirements.txt")
	pin, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	match := hashPattern.FindSubmatch(pin)
	if match == nil {
		return "", fmt.Errorf("%s pins no sha256", requirements)
	}
	sum := string(match[1])
	archive := filepath.Join(store, "google-protos-"+sum[:12]+".zip")
	if body, err := os.ReadFile(archive); err == nil && sumOf(body) == sum {
		return archive, nil
	}
	download, err := os.MkdirTemp(store, "download-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(download) }()
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "--disable-pip-version-check", "download",
		"--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", download, "--requirement", requirements)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("download the google protos (needs python3 with pip): %w\n%s", err, strings.TrimSpace(string(out)))
	}
	found, err := filepath.Glob(filepath.Join(download, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("download the google protos: got %d archives, want 1", len(found))
	}
	return archive, os.Rename(found[0], archive)
}

// unpackProtos writes the importable protos from the archive into dir.
func unpackProtos(archive, dir string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }()
	for _, name := range importable {
		if err := unpack(&reader.Reader, name, filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
	return nil
}

func unpack(reader *zip.Reader, name, path string) error {
	source, err := reader.Open(name)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(source)
	if err := errors.Join(err, source.Close()); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, body, 0o644)
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
