package vault

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.json")
	require.NoError(t, NewKeyFile(path, nil))
	return path
}

func TestAKeyFileWorksAfterARestart(t *testing.T) {
	path := newFile(t)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())

	before, err := Load(path)
	require.NoError(t, err)
	after, err := Load(path)
	require.NoError(t, err)
	number, expiry := numberOf(t, visa), pan.Expiry{Month: 1, Year: 2031}
	require.Equal(t, before.Lookup(number), after.Lookup(number))
	require.Equal(t, before.CVV(number, expiry), after.CVV(number, expiry))
	require.Equal(t, before.Fingerprint([]byte("x")), after.Fingerprint([]byte("x")))
	sealed, err := before.Seal(number, bank.ID{7})
	require.NoError(t, err)
	opened, err := after.Open(sealed, bank.ID{7})
	require.NoError(t, err)
	require.Equal(t, number, opened)
}

func TestKeyFileIsNeverOverwritten(t *testing.T) {
	path := newFile(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ErrorIs(t, NewKeyFile(path, nil), fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing else is left behind")
}

func TestOneOfManyConcurrentMakersMakesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.json")
	var group sync.WaitGroup
	results := make(chan error, 8)
	for range 8 {
		group.Go(func() { results <- NewKeyFile(path, nil) })
	}
	group.Wait()
	close(results)
	made := 0
	for err := range results {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, fs.ErrExist)
	}
	require.Equal(t, 1, made)
	_, err := Load(path)
	require.NoError(t, err)
}

func TestGeneratedVaultsDiffer(t *testing.T) {
	one, err := Generate()
	require.NoError(t, err)
	two, err := Generate()
	require.NoError(t, err)
	require.NotEqual(t, one.Lookup(numberOf(t, visa)), two.Lookup(numberOf(t, visa)))
	sealed, err := one.Seal(numberOf(t, visa), bank.ID{1})
	require.NoError(t, err)
	_, err = two.Open(sealed, bank.ID{1})
	require.ErrorIs(t, err, ErrUnknownKey)
}

func TestRotationSealsWithTheNewKeyAndOpensTheOld(t *testing.T) {
	path := newFile(t)
	old, err := Load(path)
	require.NoError(t, err)
	number, card := numberOf(t, visa), bank.ID{1}
	sealedOld, err := old.Seal(number, card)
	require.NoError(t, err)

	added, err := AddKey(path)
	require.NoError(t, err)
	prepared, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, old.PrimaryKeyID(), prepared.PrimaryKeyID(), "a new key does not seal before it is everywhere")

	require.NoError(t, SetPrimary(path, added))
	require.NoError(t, SetPrimary(path, added), "again changes nothing")
	rotated, err := Load(path)
	require.NoError(t, err)
	sealedNew, err := rotated.Seal(number, card)
	require.NoError(t, err)
	require.Equal(t, added, sealedNew.KeyID)

	for name, v := range map[string]*Vault{"prepared": prepared, "rotated": rotated} {
		for _, sealed := range []bank.Sealed{sealedOld, sealedNew} {
			opened, err := v.Open(sealed, card)
			require.NoError(t, err, "%s opens %s", name, sealed.KeyID)
			require.Equal(t, number, opened)
		}
	}
	_, err = old.Open(sealedNew, card)
	require.ErrorIs(t, err, ErrUnknownKey)
	require.Equal(t, old.Lookup(number), rotated.Lookup(number), "rotation changes no lookup")
	require.ErrorIs(t, SetPrimary(path, "nobody"), ErrUnknownKey)

	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestAKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o604, 0o640, 0o660, 0o644, 0o700, 0o777} {
		t.Run(mode.String(), func(t *testing.T) {
			path := newFile(t)
			require.NoError(t, os.Chmod(path, mode))
			_, err := Load(path)
			require.ErrorIs(t, err, ErrKeyFile)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "make it 0600")
			_, err = AddKey(path)
			require.ErrorIs(t, err, ErrKeyFile)
		})
	}
}

func TestAPathThatIsNotARegularFileIsRefused(t *testing.T) {
	folder := t.TempDir()
	_, err := Load(filepath.Join(folder, "absent.json"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "absent.json")
	_, err = Load(folder)
	require.ErrorIs(t, err, ErrKeyFile)
	require.ErrorContains(t, err, "not a regular file")
	require.ErrorIs(t, NewKeyFile(filepath.Join(folder, "absent", "vault.json"), nil), fs.ErrNotExist)
}

func TestADamagedKeyFileIsRefused(t *testing.T) {
	good, err := json.Marshal(fixedKeys())
	require.NoError(t, err)
	edit := func(change func(*keyFile)) string {
		keys := fixedKeys()
		change(keys)
		data, err := json.Marshal(keys)
		require.NoError(t, err)
		return string(data)
	}
	for _, c := range []struct{ rule, data, want string }{
		{"empty", "", "malformed"},
		{"cut short", string(good[:len(good)/2]), "malformed"},
		{"not JSON", "-----BEGIN KEY-----", "malformed"},
		{"not base64", strings.Replace(string(good), "AQEB", "A!EB", 1), "malformed"},
		{"a field too many", strings.Replace(string(good), `"version"`, `"secret":1,"version"`, 1), "malformed"},
		{"something after", string(good) + string(good), "data after"},
		{"too long", string(good) + strings.Repeat(" ", maxKeyFile), "longer"},
		{"another version", edit(func(k *keyFile) { k.Version = 2 }), "version 2"},
		{"short key", edit(func(k *keyFile) { k.Lookup = k.Lookup[:31] }), "key lookup has 31 bytes"},
		{"missing key", edit(func(k *keyFile) { k.CVV = nil }), "key cvv has 0 bytes"},
		{"short seal key", edit(func(k *keyFile) { k.Seal[0].Key = []byte{1} }), "key seal first has 1 bytes"},
		{"zero key", edit(func(k *keyFile) { k.CVV = make([]byte, keySize) }), "a row of zeros"},
		{"one key twice", edit(func(k *keyFile) { k.CVV = k.Lookup }), "key cvv is the same as lookup"},
		{"no seal key", edit(func(k *keyFile) { k.Seal = nil }), "primary"},
		{"unknown primary", edit(func(k *keyFile) { k.Primary = "second" }), "primary"},
		{"id twice", edit(func(k *keyFile) { k.Seal = append(k.Seal, k.Seal[0]) }), "seal key 2 has no id"},
		{"empty id", edit(func(k *keyFile) { k.Seal[0].ID = "" }), "seal key 1 has no id"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vault.json")
			require.NoError(t, os.WriteFile(path, []byte(c.data), 0o600))
			_, err := Load(path)
			require.ErrorIs(t, err, ErrKeyFile)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "AQEB", "an error repeats no key")
		})
	}
}

func FuzzParseKeyFile(f *testing.F) {
	good, err := json.Marshal(fixedKeys())
	require.NoError(f, err)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"primary":"a","seal":[{"id":"a","key":null}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := parseKeyFile(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(keys)
		require.NoError(t, err)
		same, err := parseKeyFile(again)
		require.NoError(t, err)
		require.Equal(t, keys, same)
		v, err := newVault(keys)
		require.NoError(t, err)
		sealed, err := v.Seal(numberOf(t, visa), bank.ID{1})
		require.NoError(t, err)
		opened, err := v.Open(sealed, bank.ID{1})
		require.NoError(t, err)
		require.Equal(t, visa, opened.Reveal())
	})
}
