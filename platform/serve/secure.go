package serve

import "net/http"

// apiPolicy is the Content-Security-Policy of an answer that is no page: if a browser shows it
// all the same, nothing in it is loaded or executed.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// secureHeaders sets the headers that every answer has. A handler of pages or of public files
// replaces what must be different there.
func secureHeaders(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", apiPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if r.TLS != nil && !isLoopback(hostOf(r.Host)) {
		// The header is for a name with all its ports. On the loopback address it would take away
		// the other programs of this machine.
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
