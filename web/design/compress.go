package design

import (
	"compress/gzip"
	"net/http"
	"strings"
)

// Compress compresses the answers of a handler for browsers that take gzip. It is not for
// answers that flow, such as events, nor for images, which are compressed already.
func Compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if r.Method == http.MethodHead || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		compressed := &gzipWriter{ResponseWriter: w}
		defer compressed.close()
		next.ServeHTTP(compressed, r)
	})
}

// gzipWriter compresses what is written, from the first byte on.
type gzipWriter struct {
	http.ResponseWriter
	writer *gzip.Writer
}

// WriteHeader announces the compression, unless the answer has no body.
func (w *gzipWriter) WriteHeader(status int) {
	if w.writer == nil && status != http.StatusNoContent && status != http.StatusNotModified && status >= http.StatusOK {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Del("Content-Length")
		w.writer = gzip.NewWriter(w.ResponseWriter)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write compresses bytes.
func (w *gzipWriter) Write(content []byte) (int, error) {
	if w.writer == nil {
		w.WriteHeader(http.StatusOK)
	}
	return w.writer.Write(content)
}

func (w *gzipWriter) close() {
	if w.writer != nil {
		_ = w.writer.Close()
	}
}
