package signing

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/token"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// made returns the path of a new key file.
func made(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, NewKeyFile(path, noon, nil))
	return path
}

func TestAKeyFileIsOfItsOwnerAndNeverReplaced(t *testing.T) {
	path := made(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	require.ErrorIs(t, NewKeyFile(path, noon, nil), fs.ErrExist)
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file is left")
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = Open(path)
	require.ErrorIs(t, err, ErrKeyFile)
	require.ErrorContains(t, err, "0644")
}

func TestARotationAddsSignsAndRetires(t *testing.T) {
	path := made(t)
	waits := DefaultWaits()
	at := noon
	rotate := func(want Did) Step {
		step, err := Rotate(path, at, waits, nil)
		require.NoError(t, err)
		require.Equal(t, want, step.Did)
		ring, err := Open(path)
		require.NoError(t, err)
		require.LessOrEqual(t, len(ring.loaded.Load().public), 2)
		return step
	}
	first, err := Open(path)
	require.NoError(t, err)
	old, err := first.Sign(Token{Issuer: "i", Audience: "a", Subject: "s", Session: "s", ID: "j", Roles: []string{"customer"}, IssuedAt: noon, ExpiresAt: noon.Add(time.Minute)})
	require.NoError(t, err)
	verify := func() error {
		ring, err := Open(path)
		require.NoError(t, err)
		set, err := token.ParseKeySet(ring.JWKS())
		require.NoError(t, err)
		verifier, err := token.NewVerifier(token.Config{Issuer: "i", Audience: "a", Keys: set, Now: func() time.Time { return noon }})
		require.NoError(t, err)
		_, err = verifier.Verify(t.Context(), old)
		return err
	}
	step := rotate(Added)
	added := step.Key
	require.Equal(t, waits.Publish, step.Wait)
	require.Equal(t, waits.Publish, rotate(Waiting).Wait)
	require.NoError(t, verify())
	at = at.Add(waits.Publish)
	require.Equal(t, Step{Signing, added, waits.Retire}, rotate(Signing))
	require.NoError(t, verify())
	rotate(Waiting)
	at = at.Add(waits.Retire)
	require.NotEqual(t, added, rotate(Retired).Key)
	require.ErrorIs(t, verify(), token.ErrInvalid)
	require.NotEqual(t, added, rotate(Added).Key, "the next rotation")
}

func TestARunningProgramTakesAChangeOverAndKeepsItsKeysWhenTheFileIsBroken(t *testing.T) {
	path := made(t)
	ring, err := Open(path)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); ring.Run(ctx, slog.New(slog.DiscardHandler)) }()
	step, err := Rotate(path, noon, Waits{}, nil)
	require.NoError(t, err)
	has := func(id string) bool {
		key, err := ring.Key(t.Context(), id)
		require.NoError(t, err)
		return key != nil
	}
	await.Until(t, func() bool { return has(step.Key) }, time.Minute, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(path, []byte("{}"), 0o600))
	require.Error(t, ring.load())
	require.True(t, has(step.Key))
	cancel()
	<-ended
}

func TestABadKeyFileIsNamedAndNotRepeated(t *testing.T) {
	good, err := os.ReadFile(made(t))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"nothing": "", "another version": strings.Replace(string(good), `"version": 1`, `"version": 2`, 1), "more behind it": string(good) + "{}",
		"no key that signs": strings.Replace(string(good), `"signs": "`, `"signs": "x`, 1), "a short seed": strings.Replace(string(good), `"seed": "`, `"seed": "AAAA`, 1),
		"an unknown field": strings.Replace(string(good), `"version"`, `"x": 1, "version"`, 1), "long": strings.Repeat(" ", maxKeyFile) + string(good),
	} {
		_, err := parseKeyFile([]byte(text))
		require.Error(t, err, name)
		seed := string(good)[strings.Index(string(good), `"seed": "`)+9:]
		require.NotContains(t, err.Error(), seed[:20], name)
	}
}

// FuzzParseKeyFile: any bytes are one or two keys of which one signs, or an error.
func FuzzParseKeyFile(f *testing.F) {
	good, err := os.ReadFile(made(f))
	require.NoError(f, err)
	f.Add(good)
	f.Add([]byte(`{"version":1,"keys":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if keys, err := parseKeyFile(data); err == nil && (len(keys.Keys) == 0 || len(keys.Keys) > maxKeys || keys.Signs == "") {
			t.Fatal("accepted without keys")
		}
	})
}
