package keyfile_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
)

func TestAReplacedFileIsForItsUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	_, err := keyfile.Read(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, content := range []string{"first", "second"} {
		var met []failpoint.Point
		require.NoError(t, keyfile.Replace(path, []byte(content), func(point failpoint.Point) { met = append(met, point) }))
		require.Equal(t, []failpoint.Point{keyfile.Written, keyfile.Published}, met)
		read, err := keyfile.Read(path)
		require.NoError(t, err)
		require.Equal(t, content, string(read))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file stays")
}

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, []byte("secret"), 0o600))
	for _, mode := range []os.FileMode{0o644, 0o660, 0o602, 0o640} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := keyfile.Read(path)
		require.ErrorIs(t, err, keyfile.ErrAccess, "%o", mode)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := keyfile.Read(filepath.Dir(path))
	require.ErrorContains(t, err, "not a regular file")
}

func TestAPublicFileIsReadUnlessOthersMayChangeIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "banks.json")
	require.NoError(t, os.WriteFile(path, []byte("whose keys count"), 0o600))
	for _, mode := range []os.FileMode{0o400, 0o440, 0o644, 0o664} {
		require.NoError(t, os.Chmod(path, mode))
		content, err := keyfile.ReadPublic(path)
		require.NoError(t, err, "%o", mode)
		require.Equal(t, "whose keys count", string(content))
	}
	for _, mode := range []os.FileMode{0o666, 0o602, 0o755} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := keyfile.ReadPublic(path)
		require.ErrorIs(t, err, keyfile.ErrAccess, "%o", mode)
	}
}

func TestAFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(path, make([]byte, keyfile.Max+1), 0o600))
	_, err := keyfile.Read(path)
	require.ErrorContains(t, err, "longer than")
}

// FuzzRead: what was written is read as it is, however often it is replaced.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "keys.json")
		require.NoError(t, keyfile.Replace(path, []byte("before"), nil))
		require.NoError(t, keyfile.Replace(path, content, nil))
		for _, read := range []func(string) ([]byte, error){keyfile.Read, keyfile.ReadPublic} {
			got, err := read(path)
			require.NoError(t, err)
			require.Equal(t, string(content), string(got))
		}
	})
}

// A file that changes is read again; one that becomes wrong leaves what was right.
func TestAWatchedFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	parse := func(content []byte) (*string, error) {
		text := string(content)
		if text == "wrong" {
			return nil, errors.New("wrong")
		}
		return &text, nil
	}
	_, err := keyfile.Watch(path, parse)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, keyfile.Replace(path, []byte("first"), nil))
	watched, err := keyfile.Watch(path, parse)
	require.NoError(t, err)
	require.Equal(t, "first", *watched.Current())
	go watched.Run(t.Context(), slog.New(slog.DiscardHandler))
	for _, content := range []string{"wrong", "second", "third"} {
		require.NoError(t, keyfile.Replace(path, []byte(content), nil))
		if content != "wrong" {
			await.Until(t, func() bool { return *watched.Current() == content }, time.Minute, 10*time.Millisecond)
		}
		require.NotEqual(t, "wrong", *watched.Current())
	}
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = keyfile.Watch(path, parse)
	require.ErrorIs(t, err, keyfile.ErrAccess)
}
