package keyfile

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// lookEvery is how often a Watched file is looked at.
const lookEvery = time.Second

// Watched is a file of keys that is read again when it changes, so that keys are added and taken away while a program
// runs. It is safe for concurrent use.
type Watched[T any] struct {
	path    string
	parse   func([]byte) (*T, error)
	current atomic.Pointer[T]
	seen    os.FileInfo
}

// Watch reads a file. parse reads its content, and repeats none of it in errors. Errors are those of Read and of
// parse.
func Watch[T any](path string, parse func([]byte) (*T, error)) (*Watched[T], error) {
	w := &Watched[T]{path: path, parse: parse}
	_, err := w.reload()
	return w, err
}

// Current returns what the file had when it was right last.
func (w *Watched[T]) Current() *T { return w.current.Load() }

// Run reads the file again when it changes, until ctx ends. While it is missing or wrong, what was read before holds,
// and a warning is logged.
func (w *Watched[T]) Run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	warned := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := w.reload()
		switch {
		case err != nil && err.Error() != warned:
			warned = err.Error()
			logger.WarnContext(ctx, "a file of keys cannot be read; what was read before holds", "error", err)
		case err == nil && changed:
			warned = ""
			logger.InfoContext(ctx, "a file of keys was read again", "file", w.path)
		}
	}
}

// reload reads the file if it has changed. Only one goroutine may call it.
func (w *Watched[T]) reload() (changed bool, err error) {
	info, err := os.Stat(w.path)
	if err != nil {
		return false, err
	}
	if w.seen != nil && info.ModTime().Equal(w.seen.ModTime()) && info.Size() == w.seen.Size() && os.SameFile(info, w.seen) {
		return false, nil
	}
	content, err := Read(w.path)
	if err != nil {
		return false, err
	}
	parsed, err := w.parse(content)
	if err != nil {
		return false, fmt.Errorf("%s: %w", w.path, err)
	}
	w.current.Store(parsed)
	w.seen = info
	return true, nil
}
