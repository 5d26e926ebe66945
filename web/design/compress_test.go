package design_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/web/design"
)

func TestAnAnswerHasTheEncodingThatTheRequestTakes(t *testing.T) {
	text := strings.Repeat("figures ", 100)
	handler := design.Compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	const plain, compressed, neither = "plain", "gzip", "neither"
	for header, want := range map[string]string{
		"": plain, "gzip": compressed, "gzip, deflate, br, zstd": compressed, "GZIP": compressed, "br;q=1.0, gzip;q=0.8, *;q=0.1": compressed,
		"*": compressed, "br": plain, "gzipped": plain, "identity": plain,
		"gzip;q=0": plain, "gzip; q=0.000": plain, "gzip;Q=0": plain, "gzip;q=0, *": plain, "*, gzip;q=0": plain, "gzip;q=0, identity;q=0.1": plain,
		"gzip;q=0.5, identity": plain, "gzip;q=0.5, identity;q=0.2": compressed, "gzip;q=high": plain, "gzip;q=NaN": plain, "gzip;q=2": plain,
		"identity;q=0": neither, "*;q=0": neither, "gzip;q=0, identity;q=0": neither, "br, *;q=0": neither,
		"gzip, identity;q=0": compressed, "gzip, *;q=0": compressed, "identity, *;q=0": plain, "*, identity;q=0": compressed,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if header != "" {
			r.Header.Set("Accept-Encoding", header)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"), header)
		if want == neither {
			require.Equal(t, http.StatusNotAcceptable, w.Code, header)
			continue
		}
		require.Equal(t, http.StatusOK, w.Code, header)
		body := io.Reader(w.Body)
		if want == compressed {
			require.Equal(t, "gzip", w.Header().Get("Content-Encoding"), header)
			var err error
			body, err = gzip.NewReader(w.Body)
			require.NoError(t, err, header)
		} else {
			require.Empty(t, w.Header().Get("Content-Encoding"), header)
		}
		got, err := io.ReadAll(body)
		require.NoError(t, err, header)
		require.Equal(t, text, string(got), header)
	}
}
