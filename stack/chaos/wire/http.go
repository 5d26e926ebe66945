package wire

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// HTTP is a proxy for HTTP that can answer instead of its server. Make one with ListenHTTP. It
// is safe for concurrent use.
type HTTP struct {
	server     *http.Server
	address    string
	answer     atomic.Pointer[Answer]
	overridden atomic.Int64
}

// Answer is the answer that an [HTTP] proxy gives instead of its server.
type Answer struct {
	// Path is a text that the path of a request must contain to get this answer.
	Path string
	// Status and Body are the answer. The body is JSON.
	Status int
	Body   string
	// Every limits the answer to one in this many such requests; 0 and 1 mean all of them.
	Every int64
}

// ListenHTTP opens a proxy to a base URL on a free loopback port.
func ListenHTTP(target string) (*HTTP, error) {
	base, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	through := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) },
		// If the server is down, the client gets no answer, as without a proxy.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
	}
	p := &HTTP{address: listener.Addr().String()}
	var matching atomic.Int64
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := p.answer.Load()
		if answer == nil || !strings.Contains(r.URL.Path, answer.Path) || matching.Add(1)%max(1, answer.Every) != 0 {
			through.ServeHTTP(w, r)
			return
		}
		p.overridden.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Status)
		_, _ = w.Write([]byte(answer.Body))
	})}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

func hangUp(w http.ResponseWriter) {
	if connection, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = connection.Close()
	}
}

// URL is the base URL of the proxy.
func (p *HTTP) URL() string { return "http://" + p.address }

// Override makes the proxy answer matching requests itself; nil lets all requests through
// again.
func (p *HTTP) Override(answer *Answer) { p.answer.Store(answer) }

// Overridden is the number of requests that the proxy has answered itself.
func (p *HTTP) Overridden() int64 { return p.overridden.Load() }

// Close ends the proxy and its connections.
func (p *HTTP) Close() { _ = p.server.Close() }
