package vault

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/platform/pan"
)

var issued = time.Date(2026, time.March, 4, 15, 6, 7, 89_000_000, time.UTC)

// tokens are one for each kind of card and check.
func tokens(t testing.TB) map[string]bank.CardToken {
	t.Helper()
	made := map[string]bank.CardToken{
		"a card":         {Card: bank.CardSnapshot{ID: bank.ID{7}, Brand: pan.Visa, BIN: "411111", Last4: "1111"}},
		"a wrong code":   {Card: bank.CardSnapshot{ID: bank.ID{7}, Brand: pan.Visa, BIN: "411111", Last4: "1111"}, Check: bank.CardCheck{Decline: bank.CVVMismatch}},
		"no such card":   {Card: bank.CardSnapshot{Brand: pan.JCB, BIN: "353011", Last4: "0000"}, Check: bank.CardCheck{Decline: bank.UnknownCard}},
		"nothing at all": {},
	}
	for name, token := range made {
		var err error
		token.Nonce, err = bank.NewNonce(issued, rand.Reader)
		require.NoError(t, err)
		token.ExpiresAt = issued.Add(bank.TokenLife)
		made[name] = token
	}
	return made
}

func seal(t testing.TB, v *Vault, token bank.CardToken) string {
	t.Helper()
	text, err := v.SealToken("001", token)
	require.NoError(t, err)
	return text
}

func TestATokenOpensToWhatWasSealedAndItsLengthTellsNothing(t *testing.T) {
	v, err := Generate()
	require.NoError(t, err)
	for name, token := range tokens(t) {
		text := seal(t, v, token)
		require.Len(t, text, tokenTextLength, name)
		require.NoError(t, bank.CheckToken("card_token", text), name)
		require.True(t, strings.HasPrefix(text, "ctk_"))
		opened, ok := v.OpenToken("001", text)
		require.True(t, ok, name)
		require.Equal(t, token, opened, name)
	}
	_, err = v.SealToken("001", bank.CardToken{Card: bank.CardSnapshot{BIN: "4111111"}})
	require.Error(t, err, "a card that does not fit")
	_, err = new(Vault).SealToken("001", bank.CardToken{})
	require.ErrorIs(t, err, ErrUnknownKey)
}

// The text was computed by another implementation of HKDF and XChaCha20-Poly1305.
func TestATokenEqualsThatOfAnotherImplementation(t *testing.T) {
	token := bank.CardToken{
		Nonce: bank.Nonce([]byte("abcdefghijklmnopqrstuvwx")), Check: bank.CardCheck{Decline: bank.ExpiryMismatch},
		Card:      bank.CardSnapshot{ID: bank.ID([]byte("0123456789abcdef")), Brand: pan.Mastercard, BIN: "555555", Last4: "4444"},
		ExpiresAt: issued.Add(bank.TokenLife),
	}
	require.Equal(t, "ctk_AWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHGDZimzlYkKxn7TjXLJf2pPnA5XfkVBRVQP7EyNgLwD8bjwmi-0F4n8HR5Mq39ZngzO7hc", seal(t, fixedVault(t), token))
}

func TestATokenWithAnotherCharacterAnywhereDoesNotOpen(t *testing.T) {
	v, err := Generate()
	require.NoError(t, err)
	text := seal(t, v, tokens(t)["a card"])
	for i := range text {
		for _, other := range []byte("AQgw-_\n\r=.\x00\xff") {
			if text[i] == other {
				continue
			}
			altered := []byte(text)
			altered[i] = other
			_, ok := v.OpenToken("001", string(altered))
			require.False(t, ok, "%q at %d", other, i)
		}
	}
	for name, other := range map[string]string{
		"empty": "", "the prefix": "ctk_", "the first half": text[:50], "one character less": text[:len(text)-1],
		"one character more": text + "A", "a line break behind": text + "\n", "another prefix": "CTK_" + text[4:],
		"of version 0.1.0": "ctk_" + strings.Repeat("A", 43),
	} {
		_, ok := v.OpenToken("001", other)
		require.False(t, ok, name)
	}
}

func TestATokenBelongsToItsBankAndItsKey(t *testing.T) {
	v, err := Generate()
	require.NoError(t, err)
	text := seal(t, v, tokens(t)["a card"])
	_, ok := v.OpenToken("002", text)
	require.False(t, ok, "another bank with the same keys")
	other, err := Generate()
	require.NoError(t, err)
	_, ok = other.OpenToken("001", text)
	require.False(t, ok, "other keys")
}

func TestTokensOpenBeforeAndAfterARotation(t *testing.T) {
	path := newFile(t)
	old, err := Load(path)
	require.NoError(t, err)
	token := tokens(t)["a card"]
	sealedOld := seal(t, old, token)
	added, err := AddKey(path)
	require.NoError(t, err)
	prepared, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, sealedOld, seal(t, prepared, token), "a new key does not seal before it is everywhere")
	require.NoError(t, SetPrimary(path, added))
	rotated, err := Load(path)
	require.NoError(t, err)
	sealedNew := seal(t, rotated, token)
	require.NotEqual(t, sealedOld, sealedNew)
	for name, v := range map[string]*Vault{"prepared": prepared, "rotated": rotated} {
		for _, text := range []string{sealedOld, sealedNew} {
			opened, ok := v.OpenToken("001", text)
			require.True(t, ok, name)
			require.Equal(t, token, opened, name)
		}
	}
	_, ok := old.OpenToken("001", sealedNew)
	require.False(t, ok, "a replica without the new key")
}

// twoKeys is a vault with a primary and an older seal key, and a vault that seals with the older one.
func twoKeys(t testing.TB) (v, older *Vault) {
	t.Helper()
	keys := fixedKeys()
	keys.Seal = append(keys.Seal, sealKey{ID: "second", Key: bytes.Repeat([]byte{8}, keySize)})
	older, err := newVault(keys)
	require.NoError(t, err)
	keys.Primary = "second"
	v, err = newVault(keys)
	require.NoError(t, err)
	return v, older
}

// FuzzOpenToken: a text that opens is exactly the text that sealing makes of its content, under one
// of the keys.
func FuzzOpenToken(f *testing.F) {
	v, older := twoKeys(f)
	for _, token := range tokens(f) {
		f.Add(seal(f, v, token))
		f.Add(seal(f, older, token))
	}
	f.Fuzz(func(t *testing.T, text string) {
		token, ok := v.OpenToken("001", text)
		if !ok {
			return
		}
		require.Contains(t, []string{seal(t, v, token), seal(t, older, token)}, text)
	})
}

func BenchmarkSealToken(b *testing.B) {
	v := fixedVault(b)
	token := tokens(b)["a card"]
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.SealToken("001", token)
	}
}

func BenchmarkOpenToken(b *testing.B) {
	v, older := twoKeys(b)
	text := seal(b, older, tokens(b)["a card"])
	b.ReportAllocs()
	for b.Loop() {
		_, _ = v.OpenToken("001", text)
	}
}
