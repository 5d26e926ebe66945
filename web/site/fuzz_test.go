package site

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/language"
	"github.com/stretchr/testify/require"
)

// FuzzLocalPath: where a page leads is on this site, whatever a browser makes of it, or nowhere.
func FuzzLocalPath(f *testing.F) {
	for _, next := range []string{"/", "/accounts/1?x=%20", "//x", `/\x`, "https://x", "/%2f/x", "/a//b", "/?next=//x", "/#x"} {
		f.Add(next)
	}
	here, err := url.Parse("https://bank.example/page")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, next string) {
		local := LocalPath(next)
		if local == "" {
			return
		}
		require.True(t, local[0] == '/' && !strings.HasPrefix(local, "//") && !strings.ContainsAny(local, "\\\r\n\t #"), "%q", local)
		led, err := here.Parse(local)
		require.NoError(t, err)
		require.Equal(t, "https", led.Scheme)
		require.Equal(t, "bank.example", led.Host)
		require.Equal(t, local, LocalPath(local), "it stays what it is")
	})
}

// FuzzCookie: a cookie is a session that was sealed by the key for this name, or no session.
func FuzzCookie(f *testing.F) {
	keys, err := NewKeys([]byte(strings.Repeat("k", KeySize)))
	require.NoError(f, err)
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	s := &Site{config: Config{Name: "shop-001", Keys: keys}.withDefaults()}
	s.config.Now = func() time.Time { return now }
	f.Add(keys.seal("shop-001", []byte(`{"i":"AAAAAAAAAAAAAAAAAAAAAA==","t":"AAAAAAAAAAAAAAAAAAAAAA==","m":1796083200}`)), []byte("{}"))
	f.Add("x", []byte(`{"i":"AAAAAAAAAAAAAAAAAAAAAA==","t":"AAAAAAAAAAAAAAAAAAAAAA==","m":1796083200,"v":{"a":"b"}}`))
	f.Fuzz(func(t *testing.T, text string, content []byte) {
		request := httptest.NewRequest(http.MethodGet, "/", nil)
		request.AddCookie(&http.Cookie{Name: "shop-001", Value: text})
		if found := s.sessionOf(request); found != nil {
			require.Len(t, found.ID, secretBytes)
			require.NotNil(t, found.Values)
		}
		if found := decodeSession(content, now, time.Hour); found != nil {
			require.Len(t, found.Token, secretBytes)
			require.NotNil(t, found.Values)
		}
		sealed := keys.seal("shop-001", content)
		opened, err := keys.open("shop-001", sealed)
		require.NoError(t, err)
		require.Equal(t, string(content), string(opened))
		_, err = keys.open("shop-002", sealed)
		require.ErrorIs(t, err, errSealed, "it is no cookie of another name")
		require.False(t, isTokenOf(newSession(now), text))
	})
}

// FuzzParseAmount: an amount that is read is written as the same amount.
func FuzzParseAmount(f *testing.F) {
	for _, text := range []string{"1.234,56", "1,234.56", "12.50", "R$ 5", "0", "-1", "99999999999999999999"} {
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, text string, portuguese bool) {
		tag := language.English
		if portuguese {
			tag = language.Portuguese
		}
		minor, err := ParseAmount(tag, text, "BRL")
		if err != nil {
			return
		}
		require.Positive(t, minor)
		again, err := ParseAmount(tag, FormatMoney(tag, minor, "BRL").Text(), "BRL")
		if len(text) < maxAmountText-10 {
			require.NoError(t, err)
			require.Equal(t, minor, again)
		}
	})
}
