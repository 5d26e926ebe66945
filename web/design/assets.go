package design

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// filesPrefix is the path below which files are served.
const filesPrefix = "/static/"

// file is one file, and the type that browsers are told.
type file struct {
	content     []byte
	contentType string
	path        string
}

// Assets are files whose paths hold a hash of their content. So browsers may keep them for
// a year.
type Assets struct {
	byName map[string]*file
	byPath map[string]*file
}

// types are the types of files, by their extensions. Other files are not served.
var types = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

func newAssets(folders []fs.FS) (*Assets, error) {
	a := &Assets{byName: map[string]*file{}, byPath: map[string]*file{}}
	for _, folder := range folders {
		err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(folder, name)
			if err != nil {
				return err
			}
			return a.add(name, content)
		})
		if err != nil {
			return nil, fmt.Errorf("design: %w", err)
		}
	}
	return a, nil
}

func (a *Assets) add(name string, content []byte) error {
	contentType, known := types[path.Ext(name)]
	if !known {
		return fmt.Errorf("design: %s has an unknown type", name)
	}
	hash := sha256.Sum256(content)
	f := &file{content: content, contentType: contentType, path: filesPrefix + hex.EncodeToString(hash[:6]) + "/" + name}
	a.byName[name], a.byPath[f.path] = f, f
	return nil
}

// Path returns the path of a file by its name. A name that does not exist is an error, which
// a template reports.
func (a *Assets) Path(name string) (string, error) {
	f, known := a.byName[name]
	if !known {
		return "", fmt.Errorf("design: there is no file %q", name)
	}
	return f.path, nil
}

// ServeHTTP serves a file by its path.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, known := a.byPath[r.URL.Path]
	if !known || !strings.HasPrefix(r.URL.Path, filesPrefix) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method != http.MethodHead {
		_, _ = w.Write(f.content)
	}
}
