package design

import (
	"net"
	"net/http"
	"slices"
)

// policy is the Content-Security-Policy of every page: only files of the same program, and
// nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Secure adds the headers that every answer has, and refuses requests that no page makes:
// other methods than GET and HEAD, and names of hosts that are not in hosts. The latter
// keeps a foreign page from reaching a program on this machine by a name of its own that it
// points at the loopback address. refuse writes the answer of a refused request.
func Secure(next http.Handler, hosts []string, refuse func(http.ResponseWriter, *http.Request, int)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		switch {
		case !slices.Contains(hosts, hostOf(r.Host)):
			refuse(w, r, http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			header.Set("Allow", "GET, HEAD")
			refuse(w, r, http.StatusMethodNotAllowed)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// hostOf returns a host without its port.
func hostOf(host string) string {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return host
	}
	return name
}

// LoopbackHosts are the names under which a program on the loopback address is reached.
func LoopbackHosts() []string { return []string{"127.0.0.1", "localhost", "::1", "[::1]"} }
