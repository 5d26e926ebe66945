package serve_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"github.com/stretchr/testify/require"
)

func TestAQueryHasItsParametersOnce(t *testing.T) {
	for query, field := range map[string]string{
		"": "-", "status=a&size=": "-", "status=%zz": "query", "status=a;size=1": "query", "other=1": "other", "status=a&status=b": "status",
	} {
		read, err := serve.ReadQuery(httptest.NewRequest("GET", "/?"+query, nil), "status", "size")
		if field == "-" {
			require.NoError(t, err, query)
			require.Equal(t, query != "", read.Get("status") == "a")
			continue
		}
		require.Equal(t, field, fault.Of(err).Field, query)
	}
}

func TestAHeaderIsGivenOnce(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	value, err := serve.OnlyHeader(r, "Key")
	require.NoError(t, err)
	require.Empty(t, value)
	r.Header.Add("Key", "a")
	value, err = serve.OnlyHeader(r, "Key")
	require.NoError(t, err)
	require.Equal(t, "a", value)
	r.Header.Add("Key", "a")
	_, err = serve.OnlyHeader(r, "Key")
	require.Equal(t, "Key", fault.Of(err).Field)
}

// FuzzReadQuery: a query is read or refused, and a refusal repeats nothing of it.
func FuzzReadQuery(f *testing.F) {
	const secret = "4111117008903940"
	f.Add("status=pending&size=5")
	f.Add(secret + "=1")
	f.Fuzz(func(t *testing.T, raw string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = raw
		read, err := serve.ReadQuery(r, "status", "size")
		if err == nil {
			require.LessOrEqual(t, len(read), 2)
			return
		}
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		require.NotContains(t, err.Error(), secret)
	})
}

// tagged answers a read with a tag, for a client that has tags.
func tagged(t *testing.T, tag string, has ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["If-None-Match"] = has
	w := httptest.NewRecorder()
	require.NoError(t, serve.WriteTagged(w, r, tag, "value"))
	return w
}

func TestAClientThatHasTheAnswerGetsNoBody(t *testing.T) {
	for has, known := range map[string]bool{
		"": false, `"v1"`: true, `W/"v1"`: true, `"v2", "v1"`: true, `"v2",W/"v1" `: true, `*`: true, `"v2"`: false, `v1`: false, `"v1`: false,
		`"a\"v1"`: false, `"v10"`: false, `,,"v1"`: true, `"x"v1`: false,
	} {
		got := tagged(t, "v1", has)
		require.Equal(t, `"v1"`, got.Header().Get("ETag"))
		require.Equal(t, known, got.Code == http.StatusNotModified, has)
		require.Equal(t, known, got.Body.Len() == 0, has)
	}
	require.Equal(t, http.StatusNotModified, tagged(t, "v1", `"v2"`, `"v1"`).Code)
	first := tagged(t, "")
	require.Equal(t, http.StatusOK, first.Code)
	require.JSONEq(t, `"value"`, first.Body.String())
	require.Equal(t, http.StatusNotModified, tagged(t, "", first.Header().Get("ETag")).Code)
}

// FuzzTags: whatever a client says that it has, it is answered, and without a body only if it names the tag.
func FuzzTags(f *testing.F) {
	f.Add(`W/"v1", "v2"`)
	f.Add(`*`)
	f.Fuzz(func(t *testing.T, has string) {
		got := tagged(t, "v1", has)
		if got.Code == http.StatusNotModified {
			require.True(t, strings.Contains(has, `"v1"`) || strings.Contains(has, "*"))
			return
		}
		require.Equal(t, http.StatusOK, got.Code)
	})
}
