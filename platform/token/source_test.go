package token

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/fault"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// document returns a key set with the public keys of these seeds, whose ids are letters.
func document(t testing.TB, seeds ...byte) []byte {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, seed := range seeds {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: public(key(seed)), KeyID: string('a' + rune(seed)), Use: "sig", Algorithm: "EdDSA"})
	}
	text, err := json.Marshal(set)
	require.NoError(t, err)
	return text
}

func TestAKeySetHasOnlyPublicKeysForSignatures(t *testing.T) {
	set, err := ParseKeySet(document(t, 1, 2))
	require.NoError(t, err)
	require.Len(t, set, 2)
	private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key(1), KeyID: "x"}}})
	require.NoError(t, err)
	_, err = ParseKeySet(private)
	require.ErrorContains(t, err, "private key")
	for name, text := range map[string]string{
		"nothing": "", "no keys": `{"keys":[]}`, "another kind": `{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`,
		"two of one id": string(document(t, 1))[:len(document(t, 1))-2] + "," + string(document(t, 1))[len(`{"keys":[`):],
	} {
		_, err := ParseKeySet([]byte(text))
		require.Error(t, err, name)
	}
}

// FuzzParseKeySet: any document is a set of Ed25519 keys or an error.
func FuzzParseKeySet(f *testing.F) {
	f.Add(document(f, 1, 2))
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"","kid":"a"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, err := ParseKeySet(text)
		if (err == nil) == (len(set) == 0) {
			t.Fatal("neither keys nor an error")
		}
	})
}

func TestASourceReadsAgainWhatItLacks(t *testing.T) {
	var keys atomic.Value
	keys.Store([]byte("{}"))
	var reads atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reads.Add(1)
		_, _ = w.Write(keys.Load().([]byte))
	}))
	defer server.Close()
	source := NewSource(server.URL, nil)
	_, err := source.Key(t.Context(), "b")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "no keys at all")
	require.Error(t, source.Ready(t.Context()))

	keys.Store(document(t, 1))
	require.NoError(t, source.reload(t.Context(), 0))
	found, err := source.Key(t.Context(), "b")
	require.NoError(t, err)
	require.True(t, public(key(1)).Equal(found))
	require.NoError(t, source.Ready(t.Context()))

	before := reads.Load()
	for range 100 {
		found, err = source.Key(t.Context(), "c")
		require.NoError(t, err)
		require.Nil(t, found)
	}
	require.LessOrEqual(t, reads.Load(), before+1, "tokens with made-up keys do not make it read more often")

	keys.Store([]byte("broken"))
	require.Error(t, source.reload(t.Context(), 0))
	found, err = source.Key(t.Context(), "b")
	require.NoError(t, err)
	require.NotNil(t, found, "the last keys hold")
}

func TestASourceMayBeAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	source := NewSource(path, nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	require.NoError(t, os.WriteFile(path, document(t, 1), 0o600))
	go func() { defer close(ended); source.Run(ctx, slog.New(slog.DiscardHandler)) }()
	await.Until(t, func() bool { return source.Ready(t.Context()) == nil }, time.Minute, time.Millisecond)
	cancel()
	<-ended
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer server.Close()
	require.Error(t, NewSource(server.URL, nil).reload(t.Context(), 0))
}

func TestSettingsThatCannotBeMeant(t *testing.T) {
	good := Settings{Issuer: "i", Audience: "a", Keys: "https://x.example/keys"}
	require.NoError(t, good.Check())
	for _, wrong := range []Settings{{Audience: "a", Keys: "k"}, {Issuer: "i", Keys: "k"}, {Issuer: "i", Audience: "a"}, {"i", "a", "https://u:secret@x.example"}, {"i", "a", "http://"}} {
		require.Error(t, wrong.Check())
		require.NotContains(t, wrong.Check().Error(), "secret")
	}
}

func TestKeysFromAnotherMachineComeByHTTPS(t *testing.T) {
	for keys, good := range map[string]bool{
		"https://identity.example/jwks.json": true, "http://127.0.0.1:17009/jwks.json": true, "http://localhost/jwks.json": true, "keys.json": true,
		"http://identity.example/jwks.json": false, "http://192.0.2.1/jwks.json": false, "https://user:secret@identity.example/": false,
	} {
		settings := Settings{Issuer: "i", Audience: "a", Keys: keys}
		require.Equal(t, good, settings.Check() == nil, keys)
	}
}
