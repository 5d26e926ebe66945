package dist

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func storeIn(root string) *Store {
	return newStore(root, func(string) {})
}

func TestRootIsTheFolderOfTheWorkspace(t *testing.T) {
	root, err := Root()
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "go.work"))

	t.Setenv("GOWORK", "off")
	walked, err := Root()
	require.NoError(t, err)
	require.Equal(t, root, walked)

	t.Chdir(t.TempDir())
	_, err = Root()
	require.ErrorIs(t, err, ErrNoRoot)
}

func TestAJavaThatIsNewEnoughIsFound(t *testing.T) {
	java, err := FindJava(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, java.Version, MinimumJava)
	require.FileExists(t, java.Program("java"))

	t.Setenv("CODEBANK_JAVA_HOME", java.Home)
	chosen, err := FindJava(t.Context())
	require.NoError(t, err)
	require.Equal(t, java, chosen)
}

func TestAChosenFolderWithoutAJDKIsAnError(t *testing.T) {
	t.Setenv("CODEBANK_JAVA_HOME", t.TempDir())
	_, err := FindJava(t.Context())
	require.ErrorContains(t, err, "CODEBANK_JAVA_HOME")
}

func TestTheVersionOfJavaIsRead(t *testing.T) {
	for said, want := range map[string]string{
		`openjdk version "25.0.1" 2025-10-21`: "25",
		`openjdk version "21-ea" 2023-09-19`:  "21",
		`java version "1.8.0_292"`:            "8",
	} {
		match := javaVersion.FindStringSubmatch(said)
		require.Len(t, match, 2, said)
		require.Equal(t, want, match[1])
	}
}

func TestADistributionIsMadeOnceHoweverManyAsk(t *testing.T) {
	root := t.TempDir()
	var made atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			folder, err := storeIn(root).Provide(t.Context(), "plugins/one", func(_ context.Context, into string) error {
				made.Add(1)
				return os.WriteFile(filepath.Join(into, "file"), nil, 0o600)
			})
			if err != nil || !isFolder(folder) {
				t.Errorf("provide: %q, %v", folder, err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 1, made.Load())
}

func TestAFailureLeavesNothingAndIsTriedAgain(t *testing.T) {
	store := storeIn(t.TempDir())
	broken := errors.New("broken")
	_, err := store.Provide(t.Context(), "one", func(context.Context, string) error { return broken })
	require.ErrorIs(t, err, broken)
	entries, err := os.ReadDir(store.Dir())
	require.NoError(t, err)
	require.Empty(t, entries)

	// The next call removes the remains of a killed process.
	require.NoError(t, os.Mkdir(filepath.Join(store.Dir(), scratchPrefix+"dead"), 0o755))
	_, err = store.Provide(t.Context(), "one", func(context.Context, string) error { return nil })
	require.NoError(t, err)
	entries, err = os.ReadDir(store.Dir())
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestALockIsWaitedForAsLongAsTheCallerWants(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "lock")
	release, err := Lock(t.Context(), path)
	require.NoError(t, err)
	impatient, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = Lock(impatient, path)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	release()
	again, err := Lock(t.Context(), path)
	require.NoError(t, err)
	again()
}

func TestATarKeepsRunBitsAndLinks(t *testing.T) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: "bin/run", Typeflag: tar.TypeReg, Mode: 0o700, Size: 2}))
	_, err := writer.Write([]byte("ok"))
	require.NoError(t, err)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: "lib/link", Typeflag: tar.TypeSymlink, Linkname: "../bin/run"}))
	require.NoError(t, writer.Close())

	into, copied := t.TempDir(), t.TempDir()
	require.NoError(t, unpackTar(&archive, into))
	require.NoError(t, copyTree(into, copied, "."))
	for _, folder := range []string{into, copied} {
		info, err := os.Stat(filepath.Join(folder, "bin", "run"))
		require.NoError(t, err)
		require.EqualValues(t, 0o744, info.Mode().Perm())
		content, err := os.ReadFile(filepath.Join(folder, "lib", "link"))
		require.NoError(t, err)
		require.Equal(t, "ok", string(content))
	}
}

func TestAnArchiveCannotWriteOutsideItsFolder(t *testing.T) {
	var tarred bytes.Buffer
	writer := tar.NewWriter(&tarred)
	require.NoError(t, writer.WriteHeader(&tar.Header{Name: "../out", Typeflag: tar.TypeReg, Mode: 0o600}))
	require.NoError(t, writer.Close())
	require.Error(t, unpackTar(&tarred, t.TempDir()))

	zipped := filepath.Join(t.TempDir(), "a.zip")
	file, err := os.Create(zipped)
	require.NoError(t, err)
	archive := zip.NewWriter(file)
	_, err = archive.Create("../out")
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, file.Close())
	require.Error(t, unpackZip(zipped, t.TempDir()))
}
