package serve

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
)

var errForeignOrigin = fault.New(fault.PermissionDenied, "FOREIGN_ORIGIN",
	"A page of another origin cannot send commands to this service.")

// restPath begins the paths of the REST API.
const restPath = "/v1/"

// What pages of allowed origins may send and read. There is no
// Access-Control-Allow-Credentials: such a page shows its token in the header Authorization, and
// never uses what a browser adds by itself, such as a client certificate.
const (
	corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, Grpc-Timeout, Traceparent, Tracestate"
	corsExposed = "Allow, Retry-After, WWW-Authenticate, " + traceHeader
	// corsSeconds is how long a browser may keep the answer to its question.
	corsSeconds = "600"
)

// origins decides which pages may use the REST API: those of the program's own origin, and those
// of the allowed origins.
type origins struct {
	allowed []string
	// commands refuses a command of a page of any other origin.
	commands *http.CrossOriginProtection
}

func newOrigins(allowed []string) (*origins, error) {
	o := &origins{allowed: allowed, commands: http.NewCrossOriginProtection()}
	for _, origin := range allowed {
		if !validOrigin(origin) {
			return nil, fmt.Errorf("%q is no origin that may be allowed: write it as browsers do, such as https://shop.example, "+
				"in lower case, without a path and without the port 443; http is for the loopback address only", origin)
		}
		if err := o.commands.AddTrustedOrigin(origin); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// validOrigin reports whether a text is an origin as browsers write it, with https, or with http
// on the loopback address. Anybody on the way could be a page of any other http origin.
func validOrigin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme+"://"+u.Host != text {
		return false
	}
	name, port := u.Hostname(), u.Port()
	if !validHost(name) || strings.HasSuffix(u.Host, ":") {
		return false
	}
	switch u.Scheme {
	case "https":
		return port != "443"
	case "http":
		return port != "80" && isLoopback(name)
	default:
		return false
	}
}

// answer adds to an answer of the REST API what a browser must know to show it to a page of an
// allowed origin. It reports whether the request was only the question of a browser whether a
// page may send another one, which is then answered.
func (o *origins) answer(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(o.allowed) == 0 || !strings.HasPrefix(r.URL.Path, restPath) {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	given := r.Header.Values("Origin")
	if len(given) != 1 || !slices.Contains(o.allowed, given[0]) {
		return false
	}
	header.Set("Access-Control-Allow-Origin", given[0])
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		header.Set("Access-Control-Expose-Headers", corsExposed)
		return false
	}
	header.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	header.Set("Access-Control-Allow-Methods", corsMethods)
	header.Set("Access-Control-Allow-Headers", corsHeaders)
	header.Set("Access-Control-Max-Age", corsSeconds)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// ParseOrigins returns the origins of a list such as https://shop.example,http://localhost:3000.
// The list may be empty. The error names the entry that is no origin that may be allowed.
func ParseOrigins(list string) ([]string, error) {
	allowed := fields(list)
	_, err := newOrigins(allowed)
	return allowed, err
}
