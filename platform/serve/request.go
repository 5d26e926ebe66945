package serve

import (
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"codebank.dev/platform/fault"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// headerOverhead is the number of bytes that HTTP/2 counts for each header in addition to
// its name and its value (RFC 9113, section 6.5.2). Both sides count a header that becomes
// metadata in the same way.
const headerOverhead = 32

// jsonType is the one media type of a body.
const jsonType = "application/json"

var (
	errURITooLong = fault.New(fault.InvalidArgument, "URI_TOO_LONG",
		fmt.Sprintf("The path and the query are longer than %d bytes.", maxHeaderBytes))
	errHeaders = fault.New(fault.InvalidArgument, "HEADERS_TOO_LARGE",
		fmt.Sprintf("The headers are larger than %d bytes. Each header counts %d bytes more than its name and its value.", maxHeaderBytes, headerOverhead))
	errMediaType = fault.New(fault.InvalidArgument, "UNSUPPORTED_MEDIA_TYPE",
		"A command is one JSON value: send it as Content-Type: application/json, in UTF-8 and without Content-Encoding.")
	errBodyOfRead = fault.New(fault.InvalidArgument, "MALFORMED_REQUEST", "The request cannot be read: this method takes no body.")
)

// refusal returns why a request is not handled, with its HTTP status. It returns nil for a
// request that a handler may see.
func (h *httpShell) refusal(r *http.Request) (int, *fault.Error) {
	if len(r.RequestURI) > maxHeaderBytes {
		return http.StatusRequestURITooLong, errURITooLong
	}
	if size := headerSize(r); size > maxHeaderBytes {
		if h.warnings.allows(time.Now()) {
			h.logger.LogAttrs(r.Context(), slog.LevelWarn, "a request was refused because its headers are too large",
				slog.String("method", r.Method), slog.Int("header_bytes", size), slog.Int("limit", maxHeaderBytes),
				slog.String("trace_id", TraceID(r.Context())))
		}
		return http.StatusRequestHeaderFieldsTooLarge, errHeaders
	}
	if field, ok := textual(r); h.calls && !ok {
		return http.StatusBadRequest, fault.Invalid(field, "Not UTF-8.")
	}
	if h.origins.commands.Check(r) != nil {
		return HTTPStatus(fault.PermissionDenied), errForeignOrigin
	}
	if r.ContentLength > h.maxBody {
		return http.StatusRequestEntityTooLarge, bodyTooLarge(h.maxBody)
	}
	return 0, nil
}

// headerSize returns the size of the headers as HTTP/2 counts it.
func headerSize(r *http.Request) int {
	size := len("host") + len(r.Host) + headerOverhead
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(value) + headerOverhead
		}
	}
	return size
}

// checkContent is a middleware of the gateway. It refuses a command that is not JSON,
// because a browser sends a form or a text of a foreign page without asking. It refuses a
// read with a body, because nobody would read the body.
func checkContent(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, parameters map[string]string) {
		isRead := r.Method == http.MethodGet // HEAD has become GET.
		switch {
		case !isRead && !isJSON(r.Header):
			writeProblem(w, r, http.StatusUnsupportedMediaType, errMediaType)
			return
		case isRead && r.ContentLength != 0 && hasByte(r.Body):
			WriteProblem(w, r, errBodyOfRead)
			return
		case isRead:
			// The gateway would parse it, and log it if it cannot be parsed.
			r.Header.Del("Content-Type")
		}
		next(w, r, parameters)
	}
}

// isJSON reports whether the headers say that the body is JSON in UTF-8 without an
// encoding.
func isJSON(header http.Header) bool {
	types := header.Values("Content-Type")
	if len(types) != 1 || header.Get("Content-Encoding") != "" {
		return false
	}
	mediaType, parameters, err := mime.ParseMediaType(types[0])
	charset, given := parameters["charset"]
	return err == nil && mediaType == jsonType && (!given || strings.EqualFold(charset, "utf-8"))
}

// hasByte reports whether a body has at least one byte, or cannot be read.
func hasByte(body io.Reader) bool {
	if body == nil {
		return false
	}
	var one [1]byte
	_, err := io.ReadFull(body, one[:])
	return err != io.EOF //nolint:errorlint // io.ReadFull returns exactly io.EOF when there is no byte.
}

// uncarriedToken stands in place of an Authorization that metadata cannot carry.
const uncarriedToken = "?"

// carriable makes the headers that become metadata such that gRPC can carry them: printable ASCII. A language or a
// trace that is not counts as none. An Authorization that is not counts as one that is wrong: without any, the
// request would be made for the program that sends it, and not for its user.
func carriable(header http.Header) {
	for _, name := range []string{LanguageKey, TraceKey} {
		name = http.CanonicalHeaderKey(name)
		if values := header[name]; slices.ContainsFunc(values, isUncarried) {
			header[name] = slices.DeleteFunc(slices.Clone(values), isUncarried)
		}
	}
	if slices.ContainsFunc(header.Values(authorizationKey), isUncarried) {
		header.Set(authorizationKey, uncarriedToken)
	}
}

// isUncarried reports whether metadata cannot carry a value.
func isUncarried(value string) bool {
	return strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
}
