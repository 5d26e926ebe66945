package intake

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"codebank.dev/platform/keyfile"
	"codebank.dev/schemas/command"
)

// readKeysEvery is how often the file is looked at.
const readKeysEvery = time.Second

// KeyFile is the file with the keys of the producers. It is read again when it changes, so keys are added and
// taken away while the bank runs. It is safe for concurrent use.
type KeyFile struct {
	path     string
	current  atomic.Pointer[command.Keys]
	modified time.Time
	size     int64
}

// OpenKeyFile reads a file of keys. The error names what is wrong, such as who else has access, and repeats
// no secret.
func OpenKeyFile(path string) (*KeyFile, error) {
	f := &KeyFile{path: path}
	_, err := f.reload()
	return f, err
}

// Keys returns the keys of the last file that was right.
func (f *KeyFile) Keys() *command.Keys { return f.current.Load() }

// Run reads the file again when it changes, until ctx ends. While it is missing or wrong, what was read before
// holds, and a warning is logged.
func (f *KeyFile) Run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(readKeysEvery)
	defer ticker.Stop()
	warned := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := f.reload()
		switch {
		case err != nil && err.Error() != warned:
			warned = err.Error()
			logger.WarnContext(ctx, "the file of the command keys cannot be read; what was read before holds", slog.Any("error", err))
		case err == nil && changed:
			warned = ""
			logger.InfoContext(ctx, "the file of the command keys was read again")
		}
	}
}

// reload reads the file if it has changed. Only one goroutine may call it.
func (f *KeyFile) reload() (changed bool, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return false, err
	}
	if f.current.Load() != nil && info.ModTime().Equal(f.modified) && info.Size() == f.size {
		return false, nil
	}
	content, err := keyfile.Read(f.path)
	if err != nil {
		return false, err
	}
	keys, err := command.ParseKeys(content)
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.path, err)
	}
	f.current.Store(keys)
	f.modified, f.size = info.ModTime(), info.Size()
	return true, nil
}
