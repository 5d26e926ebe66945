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

// lockPoll is how often a lock that is taken is tried again.
const lockPoll = 50 * time.Millisecond

// Lock takes an exclusive lock on a file, which is made if needed, and returns
// what releases it. It waits until the lock is free or ctx ends. The lock holds
// between processes and between callers in one process, and falls with the
// process that holds it; the file itself stays and means nothing.
func Lock(ctx context.Context, path string) (release func(), err error) {
	for {
		// Asking again and again keeps the wait under the caller's control.
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

// TryLock is [Lock] without the wait: ok is false when somebody else holds the lock.
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
