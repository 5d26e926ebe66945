package bench

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// packed compresses a page.
func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestAPageWithoutFiguresOrWithAnErrorIsNotMeasured(t *testing.T) {
	n, err := countShown(packed(t, `<data value="1" data-metric="a">1</data><data value="" data-metric="b">–</data><data value="2">2</data>`))
	require.NoError(t, err)
	require.Equal(t, 2, n)
	_, err = countShown(packed(t, `<data value="">–</data>`))
	require.ErrorContains(t, err, "no panel shows a figure")
	_, err = countShown(packed(t, `<data value="1">1</data><div class="message bad" role="alert">`))
	require.ErrorContains(t, err, "an error")
	_, err = countShown([]byte("<html>"))
	require.Error(t, err)
}

func TestAVisitCountsAllBytesThatArrive(t *testing.T) {
	page := packed(t, strings.Repeat("figures ", 1000))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			return
		}
		require.Equal(t, "gzip", r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(page)
	}))
	defer server.Close()
	var received atomic.Int64
	client := browserClient(&received)
	defer client.CloseIdleConnections()
	content, err := fetch(t.Context(), client, server.URL)
	require.NoError(t, err)
	require.Equal(t, page, content, "as it was sent")
	require.Greater(t, received.Load(), int64(len(page)), "with the headers")
	require.Less(t, received.Load(), int64(len(page)+1000))
	_, err = fetch(t.Context(), client, server.URL+"/plain")
	require.ErrorContains(t, err, "encoding")
}
