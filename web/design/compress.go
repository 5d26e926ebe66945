package design

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// Compress compresses the answers of a handler for browsers that take gzip. It is not for
// answers that flow, such as events, nor for images, which are compressed already. A request
// that takes an answer neither with gzip nor as it is gets the status 406.
func Compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		compressed, plain := accepted(strings.Join(r.Header.Values("Accept-Encoding"), ","))
		switch {
		case compressed <= 0 && plain <= 0:
			http.Error(w, "An answer is sent with gzip or as it is, and the request takes neither.", http.StatusNotAcceptable)
		case r.Method == http.MethodHead || compressed < plain || compressed <= 0:
			next.ServeHTTP(w, r)
		default:
			writer := &gzipWriter{ResponseWriter: w}
			defer writer.close()
			next.ServeHTTP(writer, r)
		}
	})
}

// most is the weight of a coding without a weight of its own.
const most = 1000

// accepted returns how much a request wants an answer with gzip, and one as it is, by its
// header Accept-Encoding (RFC 9110, section 12.5.3): from 0, which means not at all, to most+1.
// An answer as it is is always taken, but wanted least, unless the header says otherwise.
func accepted(header string) (compressed, plain int) {
	weights := map[string]int{}
	for one := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(one, ";")
		if weight := weightOf(parameters); weight > 0 {
			weights[strings.ToLower(strings.TrimSpace(coding))] = weight + 1
		} else {
			weights[strings.ToLower(strings.TrimSpace(coding))] = 0
		}
	}
	plain = 1
	if rest, is := weights["*"]; is {
		compressed = rest
		if rest == 0 {
			plain = 0
		}
	}
	if weight, is := weights["gzip"]; is {
		compressed = weight
	}
	if weight, is := weights["identity"]; is {
		plain = weight
	}
	return compressed, plain
}

// weightOf returns the weight in the parameters of a coding, in thousandths: most without one,
// and 0 if it is no number between 0 and 1 with up to three decimals.
func weightOf(parameters string) int {
	for one := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(one, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		whole, fraction, _ := strings.Cut(strings.TrimSpace(value), ".")
		thousandths, err := strconv.ParseUint((fraction + "000")[:3], 10, 16)
		switch {
		case err != nil || len(fraction) > 3:
			return 0
		case whole == "0":
			return int(thousandths)
		case whole == "1" && thousandths == 0:
			return most
		}
		return 0
	}
	return most
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
