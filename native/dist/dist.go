// Package dist provides the programs that the stack is made of but that this
// repository does not build: Postgres, Kafka, the schema registry, the
// connectors and Elasticsearch.
//
// They are fetched through Maven from wherever the user's Maven fetches, and
// unpacked once under .stack/dist at the top of the repository. A distribution
// that is there is complete: it is unpacked under another name and renamed at
// the end, and one lock lets only one process at a time do so. The name holds
// the version, so a changed pin is a changed name.
package dist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/native/child"
)

// scratchPrefix marks folders of distributions in the making. Whoever holds the
// lock may remove those it finds: their makers are dead.
const scratchPrefix = ".making-"

// Store is the folder of unpacked distributions. It is safe for concurrent use
// by goroutines and by processes.
type Store struct {
	root     string
	progress func(string)
	// turn lets those who wait in this process go in the order they came, which
	// the lock between processes does not.
	turn chan struct{}
}

// Open finds the store of the repository that the working directory is in. It
// reads and makes nothing. The function is told, in a few words, before
// anything that takes long; nil keeps silent.
func Open(progress func(string)) (*Store, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	return newStore(root, progress), nil
}

func newStore(root string, progress func(string)) *Store {
	return &Store{root: root, progress: progress, turn: make(chan struct{}, 1)}
}

// Root is the top folder of the repository.
func (s *Store) Root() string { return s.root }

// Dir is the folder that holds the distributions.
func (s *Store) Dir() string { return filepath.Join(s.root, ".stack", "dist") }

// Provide returns the folder of that name in the store. If it is not there,
// make fills an empty folder, which then takes the name; a failure leaves
// nothing behind. The name may have slashes. What a name holds never changes:
// make is not called again for a folder that exists.
func (s *Store) Provide(ctx context.Context, name string, make func(ctx context.Context, into string) error) (string, error) {
	return s.provide(ctx, s.Dir(), name, make)
}

func (s *Store) provide(ctx context.Context, dir, name string, make func(ctx context.Context, into string) error) (string, error) {
	final := filepath.Join(dir, filepath.FromSlash(name))
	if isFolder(final) {
		return final, nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	release, err := Lock(ctx, filepath.Join(s.root, ".stack", "dist.lock"))
	if err != nil {
		return "", err
	}
	defer release()
	if isFolder(final) {
		return final, nil
	}
	if err := os.MkdirAll(filepath.Dir(final), folderMode); err != nil {
		return "", err
	}
	removeScratch(filepath.Dir(final))
	scratch, err := os.MkdirTemp(filepath.Dir(final), scratchPrefix)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, folderMode); err != nil {
		return "", err
	}
	if err := make(ctx, scratch); err != nil {
		return "", fmt.Errorf("provide %s: %w", name, err)
	}
	return final, os.Rename(scratch, final)
}

// Reachable returns where a user finds a folder of the store: the folder
// itself, or, when the repository lies where only root can go, a copy of it
// under /var/tmp.
func (s *Store) Reachable(ctx context.Context, folder string, user *child.User) (string, error) {
	if user.Reaches(folder) {
		return folder, nil
	}
	name, err := filepath.Rel(s.Dir(), folder)
	if err != nil {
		return "", err
	}
	return s.provide(ctx, s.Shelter(), name, func(_ context.Context, into string) error {
		s.progress("copying " + name + " to where " + user.Name + " can read it")
		return copyTree(folder, into, ".")
	})
}

// Shelter is the folder under /var/tmp that holds the copies which [Store.Reachable] made.
func (s *Store) Shelter() string { return child.Shelter(s.Dir()) }

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func removeScratch(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), scratchPrefix) {
			_ = os.RemoveAll(filepath.Join(dir, entry.Name()))
		}
	}
}
