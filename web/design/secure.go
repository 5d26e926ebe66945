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

// Option changes what Secure does by default.
type Option func(*secured)

type secured struct{ forms, anyHost bool }

// Forms lets POST requests through, for a program whose pages have forms and which proves by itself that a request
// comes from a form of its own. Browsers tell such a program, and no other, where a request comes from.
func Forms() Option { return func(s *secured) { s.forms = true } }

// AnyHost leaves the check of names to the server in front, for a program that other machines reach.
func AnyHost() Option { return func(s *secured) { s.anyHost = true } }

// formMethod is that of forms that change something.
const formMethod = "POST"

// refusal returns why no page makes a request like this; 0 if one does.
func (s *secured) refusal(r *http.Request, hosts []string) int {
	isRead := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !s.anyHost && !slices.Contains(hosts, hostOf(r.Host)):
		return http.StatusMisdirectedRequest
	case !isRead && !(s.forms && r.Method == formMethod):
		return http.StatusMethodNotAllowed
	}
	return 0
}

// referrer is what a browser tells the program about the page that a request comes from. With no-referrer it would call
// the origin of a form null.
func (s *secured) referrer() string {
	if s.forms {
		return "same-origin"
	}
	return "no-referrer"
}

// allowed are the methods that are taken, as the header Allow has them.
func (s *secured) allowed() string {
	if s.forms {
		return "GET, HEAD, POST"
	}
	return "GET, HEAD"
}

// Secure adds the headers that every answer has, and refuses requests that no page makes: unless an option says
// otherwise, other methods than GET and HEAD, and names of hosts that are not in hosts. The latter
// keeps a foreign page from reaching a program on this machine by a name of its own that it
// points at the loopback address. refuse writes the answer of a refused request.
func Secure(next http.Handler, hosts []string, refuse func(http.ResponseWriter, *http.Request, int), options ...Option) http.Handler {
	var is secured
	for _, option := range options {
		option(&is)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", is.referrer())
		header.Set("X-Frame-Options", "DENY")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		switch status := is.refusal(r, hosts); status {
		case 0:
			next.ServeHTTP(w, r)
		case http.StatusMethodNotAllowed:
			header.Set("Allow", is.allowed())
			refuse(w, r, status)
		default:
			refuse(w, r, status)
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
