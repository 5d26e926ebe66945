package panels

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"codebank.dev/dashboards/draw"
)

// Bounds of a file of annotations.
const (
	maxAnnotationBytes = 1 << 20
	maxAnnotations     = 5000
	maxWordRunes       = 40
	maxTextRunes       = 200
)

// annotation is an annotation as the file has it.
type annotation struct {
	At   time.Time `json:"at"`
	To   time.Time `json:"to"`
	Word string    `json:"word"`
	Text string    `json:"text"`
}

// ReadAnnotations reads what charts over time should mark: a JSON array of objects with at and
// word, and if wanted to, which is the end, and text, which is a sentence. The error names the
// entry that is wrong.
func ReadAnnotations(from io.Reader) ([]draw.Annotation, error) {
	content, err := io.ReadAll(io.LimitReader(from, maxAnnotationBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxAnnotationBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxAnnotationBytes)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var list []annotation
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("not a JSON array of annotations: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the array")
	}
	if len(list) > maxAnnotations {
		return nil, fmt.Errorf("%d annotations; at most %d can be marked", len(list), maxAnnotations)
	}
	read := make([]draw.Annotation, len(list))
	for i, one := range list {
		if err := one.check(); err != nil {
			return nil, fmt.Errorf("annotation %d: %w", i+1, err)
		}
		read[i] = draw.Annotation{At: one.At, To: one.To, Word: one.Word, Text: one.Text}
	}
	return read, nil
}

func (a annotation) check() error {
	switch {
	case a.At.IsZero():
		return errors.New("at is missing")
	case !a.To.IsZero() && a.To.Before(a.At):
		return errors.New("to is before at")
	case a.Word == "":
		return errors.New("word is missing")
	case utf8.RuneCountInString(a.Word) > maxWordRunes:
		return fmt.Errorf("word is longer than %d characters", maxWordRunes)
	case utf8.RuneCountInString(a.Text) > maxTextRunes:
		return fmt.Errorf("text is longer than %d characters", maxTextRunes)
	}
	for _, r := range a.Word + a.Text {
		if unicode.IsControl(r) {
			return errors.New("word or text has a control character")
		}
	}
	return nil
}

// Annotations is a file of annotations that people change while the pages are served.
type Annotations struct {
	path   string
	logger *slog.Logger

	mu   sync.Mutex
	seen version
	list []draw.Annotation
}

// version tells whether a file has changed.
type version struct {
	modified time.Time
	size     int64
	missing  bool
}

// OpenAnnotations reads the file at a path. It fails if the file is missing or wrong.
func OpenAnnotations(path string, logger *slog.Logger) (*Annotations, error) {
	a := &Annotations{path: path, logger: logger}
	seen, err := a.version()
	if err != nil {
		return nil, err
	}
	if a.list, err = a.content(); err != nil {
		return nil, err
	}
	a.seen = seen
	return a, nil
}

// List returns the annotations of the file as it is now. If it has become wrong or cannot be
// read, the list stays as it was, and the log says so once. It is safe for concurrent use.
func (a *Annotations) List() []draw.Annotation {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, err := a.version()
	if errors.Is(err, fs.ErrNotExist) {
		now.missing = true
	}
	if now == a.seen {
		return a.list
	}
	a.seen = now // An error is logged once, and the file is read again when it changes.
	list, readErr := a.content()
	if err := errors.Join(err, readErr); err != nil {
		a.logger.Warn("the file of annotations cannot be used; charts mark what it said before", slog.Any("error", err))
		return a.list
	}
	a.list = list
	return list
}

func (a *Annotations) version() (version, error) {
	info, err := os.Stat(a.path)
	if err != nil {
		return version{}, err
	}
	return version{modified: info.ModTime(), size: info.Size()}, nil
}

func (a *Annotations) content() ([]draw.Annotation, error) {
	file, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	list, err := ReadAnnotations(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path, err)
	}
	return list, nil
}
