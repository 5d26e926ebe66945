// Package spool sorts any number of records of one width in bounded memory. Records that do
// not fit into memory are sorted in runs on disk, and the runs are merged while they are
// read. On systems that allow a file without a name, the disk space is free as soon as the
// program ends, however it ends. On other systems Close frees it.
package spool

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

const (
	// fanIn is how many runs are merged at a time. It bounds the number of read buffers.
	fanIn = 64
	// readBuffer is the buffer of each run that is being merged, in bytes.
	readBuffer = 32 << 10
	// writeBuffer is the buffer of a run that is being written, in bytes.
	writeBuffer = 256 << 10
)

// Config describes the records, and where they are sorted.
type Config struct {
	// Width is the length of a record in bytes. KeyWidth is how many of its first bytes
	// decide the order; records with equal keys come in any order.
	Width, KeyWidth int
	// Records is how many records are kept in memory; 0 is 65,536.
	Records int
	// Dir is the folder for the runs; empty is the system's folder for temporary files.
	Dir string
}

// Sorter takes records in any order. Add is safe for concurrent use; the rest is
// for one goroutine after the last Add.
type Sorter struct {
	config Config

	mu     sync.Mutex
	buffer []byte
	order  []int32
	count  int64
	file   *os.File
	size   int64
	runs   []run
	closed bool
}

// run is a stretch of the file whose records are sorted.
type run struct{ offset, length int64 }

// New returns a Sorter without records. It writes nothing yet.
func New(config Config) *Sorter {
	if config.Records <= 0 {
		config.Records = 1 << 16
	}
	return &Sorter{config: config}
}

// Add copies a record of Width bytes into the sorter. An error is an error of the disk; the
// sorter cannot be used after it.
func (s *Sorter) Add(record []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(record) != s.config.Width {
		return fmt.Errorf("spool: a record of %d bytes, not %d", len(record), s.config.Width)
	}
	if len(s.buffer) == s.config.Records*s.config.Width {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buffer = append(s.buffer, record...)
	s.count++
	return nil
}

// Count returns how many records there are.
func (s *Sorter) Count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Reset removes all records and frees the disk. The memory is used again for the next records. Cursors
// cannot be used afterwards.
func (s *Sorter) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buffer, s.order, s.count, s.runs, s.size = s.buffer[:0], s.order[:0], 0, nil, 0
	return s.closeFile()
}

// Close frees memory and disk. Cursors cannot be used afterwards.
func (s *Sorter) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed, s.buffer, s.order = true, nil, nil
	return s.closeFile()
}

func (s *Sorter) closeFile() error {
	if s.file == nil {
		return nil
	}
	file := s.file
	s.file = nil
	// On most systems open has removed the name already.
	return errors.Join(file.Close(), remove(file.Name()))
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// flush sorts the records in memory and writes them as a run.
func (s *Sorter) flush() error {
	if err := s.open(); err != nil {
		return err
	}
	s.sort()
	return s.write(func(out *bufio.Writer) error {
		for _, at := range s.order {
			if _, err := out.Write(s.record(at)); err != nil {
				return err
			}
		}
		s.buffer = s.buffer[:0]
		return nil
	})
}

func (s *Sorter) open() error {
	if s.file != nil {
		return nil
	}
	file, err := os.CreateTemp(s.config.Dir, "audit-*.run")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	// An open file without a name exists as long as the process. If the system does not allow
	// that, Close removes the file.
	_ = os.Remove(file.Name())
	s.file = file
	return nil
}

// write appends to the file the run that fill writes.
func (s *Sorter) write(fill func(*bufio.Writer) error) error {
	end := &appender{file: s.file, at: s.size}
	out := bufio.NewWriterSize(end, writeBuffer)
	if err := errors.Join(fill(out), out.Flush()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.runs = append(s.runs, run{offset: s.size, length: end.at - s.size})
	s.size = end.at
	return nil
}

// appender writes at the end of a file and does not use the file's position.
type appender struct {
	file *os.File
	at   int64
}

func (a *appender) Write(p []byte) (int, error) {
	n, err := a.file.WriteAt(p, a.at)
	a.at += int64(n)
	return n, err
}

func (s *Sorter) record(at int32) []byte {
	from := int(at) * s.config.Width
	return s.buffer[from : from+s.config.Width]
}

func (s *Sorter) key(at int32) []byte { return s.record(at)[:s.config.KeyWidth] }

// sort orders the records in memory by moving their numbers, not the records.
func (s *Sorter) sort() {
	s.order = s.order[:0]
	for at := range len(s.buffer) / s.config.Width {
		s.order = append(s.order, int32(at))
	}
	slices.SortFunc(s.order, func(a, b int32) int { return bytes.Compare(s.key(a), s.key(b)) })
}

// Sorted returns a cursor that stands before the first record. Each call returns another
// cursor over the same records. Add must not be called after it.
func (s *Sorter) Sorted() (*Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		s.sort()
		return &Cursor{sorter: s}, nil
	}
	if len(s.buffer) > 0 {
		if err := s.flush(); err != nil {
			return nil, err
		}
	}
	for len(s.runs) > fanIn {
		if err := s.combine(); err != nil {
			return nil, err
		}
	}
	return s.merge(s.runs)
}

// combine merges the oldest runs into one run and appends that run. So all runs have about
// the same size until each has been merged once.
func (s *Sorter) combine() error {
	cursor, err := s.merge(s.runs[:fanIn])
	if err != nil {
		return err
	}
	s.runs = slices.Clone(s.runs[fanIn:])
	return s.write(func(out *bufio.Writer) error {
		for {
			record, err := cursor.Next()
			if err != nil || record == nil {
				return err
			}
			if _, err := out.Write(record); err != nil {
				return err
			}
		}
	})
}

func (s *Sorter) merge(runs []run) (*Cursor, error) {
	c := &Cursor{sorter: s}
	for _, r := range runs {
		reader := &runReader{
			in:     bufio.NewReaderSize(io.NewSectionReader(s.file, r.offset, r.length), readBuffer),
			record: make([]byte, s.config.Width),
		}
		if err := reader.advance(); err != nil {
			return nil, err
		}
		if reader.record != nil {
			c.push(reader)
		}
	}
	return c, nil
}
