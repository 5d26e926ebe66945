// Package banks knows the banks that take part: their codes, names and keys, from a file that is read again when it
// changes. A bank that is added to the file takes part without a restart.
//
//	{"banks": [{"code": "001", "name": "Code Bank", "key_file": "pix-keys-001.json"}]}
//
// The file of keys of a bank, beside that of the banks unless it is an absolute path, has the keys of two producers: the
// bank's own, which signs what it sends, and the hub's, which signs what the bank gets. Bank and hub share it, and nobody
// else has it: it is for the program's user only. The file of the banks holds no secret, but it names the keys that
// count, so only its owner and group may change it.
package banks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"codebank.dev/codepix/payment"
	"codebank.dev/platform/keyfile"
	"codebank.dev/schemas/command"
)

// Bank is a bank that takes part.
type Bank struct {
	// Code is three digits.
	Code string
	// Name is what people call it.
	Name string
	// Keys are those of the bank and of the hub for it.
	Keys *command.Keys
}

// HubKey is the key that signs what the hub sends to the bank.
func (b *Bank) HubKey() *command.Key { return b.Keys.Signer(command.PixHub) }

// Set is the banks as the file had them once. It never changes.
type Set struct {
	byCode map[string]*Bank
	codes  []string
}

// Bank returns a bank by its code.
func (s *Set) Bank(code string) (*Bank, bool) {
	bank, known := s.byCode[code]
	return bank, known
}

// Codes returns the codes of the banks, in order.
func (s *Set) Codes() []string { return slices.Clone(s.codes) }

const maxName = 60

// entry is a bank as the file names it.
type entry struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	KeyFile string `json:"key_file"`
}

// parseEntries returns the banks that the content of a file names.
func parseEntries(content []byte) ([]entry, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var file struct {
		Banks []entry `json:"banks"`
	}
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("banks: not JSON of the right form: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("banks: something follows the banks")
	}
	seen := map[string]bool{}
	for i, one := range file.Banks {
		switch {
		case !payment.IsBankCode(one.Code):
			return nil, fmt.Errorf("banks: bank %d: the code is not three digits", i+1)
		case seen[one.Code]:
			return nil, fmt.Errorf("banks: bank %s is listed twice", one.Code)
		case one.Name == "" || len(one.Name) > maxName:
			return nil, fmt.Errorf("banks: bank %s: the name has 1 to %d bytes", one.Code, maxName)
		case one.KeyFile == "":
			return nil, fmt.Errorf("banks: bank %s has no key_file", one.Code)
		}
		seen[one.Code] = true
	}
	return file.Banks, nil
}

// bank reads the keys of an entry.
func (e *entry) bank() (*Bank, error) {
	content, err := keyfile.Read(e.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("banks: the keys of bank %s: %w", e.Code, err)
	}
	keys, err := command.ParseKeys(content)
	if err != nil {
		return nil, fmt.Errorf("banks: the keys of bank %s: %w", e.Code, err)
	}
	for _, producer := range []string{command.PixBank(e.Code), command.PixHub} {
		if keys.Signer(producer) == nil {
			return nil, fmt.Errorf("banks: the keys of bank %s: no key of the producer %s", e.Code, producer)
		}
	}
	return &Bank{Code: e.Code, Name: e.Name, Keys: keys}, nil
}

// File is the file of the banks. It is safe for concurrent use.
type File struct {
	path    string
	current atomic.Pointer[Set]
	// seen are the files as they were read last, by their names.
	seen map[string]os.FileInfo
}

// Open reads a file and those that it names. An error names what is wrong, and repeats no secret.
func Open(path string) (*File, error) {
	f := &File{path: path}
	return f, f.reload()
}

// Current returns the banks as the files had them when they were right last.
func (f *File) Current() *Set { return f.current.Load() }

// reload reads all files again.
func (f *File) reload() error {
	seen := map[string]os.FileInfo{}
	content, err := f.content(f.path, seen)
	if err != nil {
		return err
	}
	entries, err := parseEntries(content)
	if err != nil {
		return err
	}
	set := &Set{byCode: map[string]*Bank{}}
	for i := range entries {
		if !filepath.IsAbs(entries[i].KeyFile) {
			entries[i].KeyFile = filepath.Join(filepath.Dir(f.path), entries[i].KeyFile)
		}
		if seen[entries[i].KeyFile], err = os.Stat(entries[i].KeyFile); err != nil {
			return fmt.Errorf("banks: the keys of bank %s: %w", entries[i].Code, err)
		}
		bank, err := entries[i].bank()
		if err != nil {
			return err
		}
		set.byCode[bank.Code] = bank
		set.codes = append(set.codes, bank.Code)
	}
	slices.Sort(set.codes)
	f.current.Store(set)
	f.seen = seen
	return nil
}

func (f *File) content(path string, seen map[string]os.FileInfo) (content []byte, err error) {
	if seen[path], err = os.Stat(path); err != nil {
		return nil, fmt.Errorf("banks: %w", err)
	}
	if content, err = keyfile.ReadPublic(path); err != nil {
		return nil, fmt.Errorf("banks: %w", err)
	}
	return content, nil
}

// changed reports whether a file is another one than that which was read.
func (f *File) changed() bool {
	for path, was := range f.seen {
		is, err := os.Stat(path)
		if err != nil || !is.ModTime().Equal(was.ModTime()) || is.Size() != was.Size() || !os.SameFile(is, was) {
			return true
		}
	}
	return false
}

// checkEvery is how often Run looks whether the files have changed.
const checkEvery = time.Second

// Run reads the files again when they change, until ctx ends. While one is missing or wrong, what was read before holds,
// and a warning is logged.
func (f *File) Run(ctx context.Context, logger *slog.Logger) {
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	warned := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if !f.changed() {
			continue
		}
		switch err := f.reload(); {
		case err == nil:
			warned = ""
			logger.InfoContext(ctx, "the banks were read again", "file", f.path, "banks", f.Current().Codes())
		case err.Error() != warned:
			warned = err.Error()
			logger.WarnContext(ctx, "the banks cannot be read; what was read before holds", "error", err)
		}
	}
}
