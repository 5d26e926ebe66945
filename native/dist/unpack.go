package dist

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// Everybody can read the unpacked files: if the launcher is root, the programs run as another
// user.
const (
	folderMode = 0o755
	fileMode   = 0o644
	runBits    = 0o111
)

// unpackTarGz unpacks a .tar.gz file into a folder.
func unpackTarGz(archive, into string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	stream, err := gzip.NewReader(file)
	if err != nil {
		return err
	}
	return unpackTar(stream, into)
}

// unpackJarredTxz unpacks the .txz file in a jar. The Postgres programs are published in this
// form.
func unpackJarredTxz(jar, into string) error {
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if !strings.HasSuffix(entry.Name, ".txz") {
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return err
		}
		defer content.Close()
		stream, err := xz.NewReader(content)
		if err != nil {
			return err
		}
		return unpackTar(stream, into)
	}
	return fmt.Errorf("%s contains no .txz file", jar)
}

// unpackTar unpacks folders, files and symbolic links. The archives contain nothing else.
func unpackTar(stream io.Reader, into string) error {
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	archive := tar.NewReader(stream)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			err = makeFolder(root, name)
		case tar.TypeReg:
			err = writeFile(root, name, header.FileInfo().Mode(), archive)
		case tar.TypeSymlink:
			if err = makeFolder(root, path.Dir(name)); err == nil {
				err = root.Symlink(header.Linkname, name)
			}
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", header.Name, err)
		}
	}
}

// unpackZip unpacks a .zip file into a folder and keeps the execute bits.
func unpackZip(archive, into string) error {
	reader, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer reader.Close()
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, entry := range reader.File {
		name := path.Clean(entry.Name)
		if entry.FileInfo().IsDir() {
			err = makeFolder(root, name)
		} else {
			err = unpackZipFile(root, name, entry)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", entry.Name, err)
		}
	}
	return nil
}

func unpackZipFile(root *os.Root, name string, entry *zip.File) error {
	content, err := entry.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	return writeFile(root, name, entry.Mode(), content)
}

// makeFolder makes a folder and the folders above it. It sets the mode again, because the
// caller's umask may have removed bits.
func makeFolder(root *os.Root, name string) error {
	if name == "." {
		return nil
	}
	if info, err := root.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if err := makeFolder(root, path.Dir(name)); err != nil {
		return err
	}
	if err := root.Mkdir(name, folderMode); err != nil {
		return err
	}
	return root.Chmod(name, folderMode)
}

func writeFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	if err := makeFolder(root, path.Dir(name)); err != nil {
		return err
	}
	mode = fileMode | mode&runBits
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, errCopy := io.Copy(file, content)
	return errors.Join(errCopy, file.Chmod(mode), file.Close())
}

// copyTree copies a tree of folders, files and symbolic links into an existing folder, under a
// name there. With the name "." it copies the content of the tree.
func copyTree(from, into, name string) error {
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer root.Close()
	return filepath.WalkDir(from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := path.Join(filepath.ToSlash(name), filepath.ToSlash(below))
		switch {
		case entry.IsDir():
			return makeFolder(root, target)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			return root.Symlink(link, target)
		default:
			return copyFile(root, target, file)
		}
	})
}

func copyFile(root *os.Root, name, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	return writeFile(root, name, info.Mode(), source)
}
