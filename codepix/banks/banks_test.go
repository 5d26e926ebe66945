package banks

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/schemas/command"
)

// writeKeys writes the file of keys of a bank and returns its name.
func writeKeys(t *testing.T, folder, code string, producers ...string) string {
	t.Helper()
	content := []byte(`{"keys":[]}`)
	for i, producer := range producers {
		keys, err := command.ParseKeys(content)
		require.NoError(t, err)
		content, err = keys.With(fmt.Sprint("key-", code, "-", i), producer, false)
		require.NoError(t, err)
	}
	name := "keys-" + code + ".json"
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	return name
}

// writeBanks replaces the file of banks with one that has these codes.
func writeBanks(t *testing.T, folder string, codes ...string) string {
	t.Helper()
	var entries []string
	for _, code := range codes {
		entries = append(entries, fmt.Sprintf(`{"code":%q,"name":"Bank %s","key_file":"keys-%s.json"}`, code, code, code))
	}
	path := filepath.Join(folder, "banks.json")
	require.NoError(t, os.WriteFile(path+".new", []byte(`{"banks":[`+strings.Join(entries, ",")+`]}`), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	return path
}

func TestABankIsAddedAndTakenAwayWhileTheFileIsWatched(t *testing.T) {
	folder := t.TempDir()
	for _, code := range []string{"001", "002"} {
		writeKeys(t, folder, code, command.PixBank(code), command.PixHub)
	}
	file, err := Open(writeBanks(t, folder, "001"))
	require.NoError(t, err)
	before := file.Current()
	bank, known := before.Bank("001")
	require.True(t, known)
	require.Equal(t, "Bank 001", bank.Name)
	require.Equal(t, "key-001-1", bank.HubKey().ID)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		file.Run(ctx, slog.New(slog.DiscardHandler))
	}()
	defer func() { cancel(); <-ended }()
	writeBanks(t, folder, "002", "001")
	await.Until(t, func() bool { return len(file.Current().Codes()) == 2 }, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"001", "002"}, file.Current().Codes())
	require.Equal(t, []string{"001"}, before.Codes(), "a set never changes")
	writeKeys(t, folder, "002", command.PixBank("002"), command.PixHub, command.PixHub)
	await.Until(t, func() bool {
		second, _ := file.Current().Bank("002")
		return second.HubKey().ID == "key-002-2"
	}, time.Minute, 10*time.Millisecond, "a key is rotated")
}

func TestAFileThatIsWrongIsRefused(t *testing.T) {
	folder := t.TempDir()
	writeKeys(t, folder, "001", command.PixBank("001"), command.PixHub)
	writeKeys(t, folder, "002", command.PixBank("001"), command.PixHub)
	writeKeys(t, folder, "003", command.PixBank("003"))
	for rule, codes := range map[string][]string{
		"no key of the bank": {"002"}, "no key of the hub": {"003"}, "no file of keys": {"004"}, "twice": {"001", "001"}, "no code": {"1"},
	} {
		_, err := Open(writeBanks(t, folder, codes...))
		require.Error(t, err, rule)
	}
	_, err := Open(filepath.Join(folder, "none.json"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := writeBanks(t, folder, "001")
	file, err := Open(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	require.Error(t, file.reload())
	require.Equal(t, []string{"001"}, file.Current().Codes(), "what was read before holds")
}

// FuzzParseEntries: what is accepted has banks of three digits, each once, with a name and a file.
func FuzzParseEntries(f *testing.F) {
	f.Add([]byte(`{"banks":[{"code":"001","name":"Code Bank","key_file":"a.json"}]}`))
	f.Add([]byte(`{"banks":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		entries, err := parseEntries(content)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, one := range entries {
			if seen[one.Code] || len(one.Code) != 3 || one.Name == "" || one.KeyFile == "" {
				t.Fatalf("%+v", entries)
			}
			seen[one.Code] = true
		}
	})
}
