package serve_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

func pageTokens(t testing.TB, key string) *serve.PageTokens {
	t.Helper()
	tokens, err := serve.NewPageTokens([]byte(key))
	require.NoError(t, err)
	return tokens
}

func TestAPageTokenIsGoodForItsOwnQueryOnly(t *testing.T) {
	tokens := pageTokens(t, "0123456789abcdef")
	token := tokens.Issue([]byte("position"), "ListLines", "accounts/1", "")
	position, err := tokens.Read(token, "ListLines", "accounts/1", "")
	require.NoError(t, err)
	require.Equal(t, "position", string(position))

	flipped := []byte(token)
	flipped[len(flipped)-2] ^= 1
	for rule, read := range map[string]func() ([]byte, error){
		"another account": func() ([]byte, error) { return tokens.Read(token, "ListLines", "accounts/2", "") },
		"parts moved":     func() ([]byte, error) { return tokens.Read(token, "ListLines", "accounts/", "1") },
		"a part missing":  func() ([]byte, error) { return tokens.Read(token, "ListLines", "accounts/1") },
		"altered":         func() ([]byte, error) { return tokens.Read(string(flipped), "ListLines", "accounts/1", "") },
		"cut":             func() ([]byte, error) { return tokens.Read(token[:8], "ListLines", "accounts/1", "") },
		"empty":           func() ([]byte, error) { return tokens.Read("", "ListLines", "accounts/1", "") },
		"no base64":       func() ([]byte, error) { return tokens.Read("!!!!", "ListLines", "accounts/1", "") },
		"endless": func() ([]byte, error) {
			return tokens.Read(strings.Repeat("A", 100_000), "ListLines", "accounts/1", "")
		},
		"of another key": func() ([]byte, error) {
			return pageTokens(t, "another key, as long").Read(token, "ListLines", "accounts/1", "")
		},
		"a line break after": func() ([]byte, error) { return tokens.Read(token+"\n", "ListLines", "accounts/1", "") },
	} {
		_, err := read()
		require.Error(t, err, rule)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), rule)
		require.Equal(t, "page_token", fault.Of(err).Field, rule)
	}
}

func TestAShortPageTokenKeyIsRefused(t *testing.T) {
	_, err := serve.NewPageTokens([]byte("short"))
	require.Error(t, err)
}

func FuzzNoMadeUpPageTokenIsRead(f *testing.F) {
	tokens := pageTokens(f, "0123456789abcdef")
	f.Add(tokens.Issue([]byte("position"), "other"), "query")
	f.Add("AQ", "")
	f.Fuzz(func(t *testing.T, token, query string) {
		_, err := tokens.Read(token, query, "a part no seed has")
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	})
}
