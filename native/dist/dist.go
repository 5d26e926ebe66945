// Package dist provides the programs that the stack needs and this repository does not build:
// Postgres, Kafka, the schema registry, the connectors and Elasticsearch.
//
// Maven fetches them from the repositories of the user's settings. They are unpacked once,
// under .stack/dist at the top of the repository. An existing folder is always complete, because
// the files are unpacked into a folder with another name, which is renamed at the end. One lock
// admits one process at a time. The name contains the version, so another version has another name.
package dist

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/native/child"
)

// scratchPrefix marks folders that are being filled. The holder of the lock may remove them:
// the processes that made them are dead.
const scratchPrefix = ".making-"

// Store is the folder of unpacked distributions. Goroutines and processes may use it
// concurrently.
type Store struct {
	root     string
	progress func(string)
	// queue admits the callers of this process in the order in which they came. The lock
	// between processes does not keep an order.
	queue chan struct{}
}

// Open finds the store of the repository that contains the working directory. It only reads.
// The function progress gets a short message before each long step; nil means no messages.
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
	return &Store{root: root, progress: progress, queue: make(chan struct{}, 1)}
}

// Root is the top folder of the repository.
func (s *Store) Root() string { return s.root }

// Dir is the folder that holds the distributions.
func (s *Store) Dir() string { return filepath.Join(s.root, ".stack", "dist") }

// Provide returns the folder with a name in the store. If the folder is missing, fill gets an
// empty folder, which then takes the name; a failure leaves nothing behind. The name may
// contain slashes. The content of a name never changes: fill is not called again for an
// existing folder.
func (s *Store) Provide(ctx context.Context, name string, fill func(ctx context.Context, into string) error) (string, error) {
	return s.provide(ctx, s.Dir(), name, fill)
}

func (s *Store) provide(ctx context.Context, dir, name string, fill func(ctx context.Context, into string) error) (string, error) {
	final := filepath.Join(dir, filepath.FromSlash(name))
	if isFolder(final) {
		return final, nil
	}
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
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
	if err := fill(ctx, scratch); err != nil {
		return "", fmt.Errorf("provide %s: %w", name, err)
	}
	return final, os.Rename(scratch, final)
}

// Reachable returns a folder of the store for a user. It is the folder itself, or a copy under
// /var/tmp if the user cannot reach the repository.
func (s *Store) Reachable(ctx context.Context, folder string, user *child.User) (string, error) {
	if user.CanReach(folder) {
		return folder, nil
	}
	name, err := filepath.Rel(s.Dir(), folder)
	if err != nil {
		return "", err
	}
	return s.provide(ctx, s.Shelter(), name, func(_ context.Context, into string) error {
		s.progress("copying " + name + " to a folder that " + user.Name + " can read")
		return copyTree(folder, into, ".")
	})
}

// Shelter is the folder under /var/tmp with the copies that [Store.Reachable] makes.
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
