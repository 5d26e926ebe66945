package dist

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPoll is the interval at which a taken lock is tried again.
const lockPoll = 50 * time.Millisecond

// Lock takes an exclusive lock on a file and returns the function that releases it. It makes
// the file if needed and waits until the lock is free or ctx ends. The lock excludes other
// processes and other callers in this process. It ends with the process that holds it. The file
// stays and has no meaning of its own.
func Lock(ctx context.Context, path string) (release func(), err error) {
	for {
		// Trying again and again lets ctx end the wait.
		release, ok, err := TryLock(path)
		if err != nil || ok {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s: %w", path, ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// TryLock is [Lock] without the wait. It returns ok false if the lock is taken.
func TryLock(path string) (release func(), ok bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, false, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return func() { _ = file.Close() }, true, nil
	}
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("lock %s: %w", path, err)
}
