package wire

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
)

// HTTP is a proxy for HTTP that can answer in its server's place. Make one with
// ListenHTTP. It is safe for concurrent use.
type HTTP struct {
	server  *http.Server
	address string
	answer  atomic.Pointer[Answer]
	given   atomic.Int64
}

// Answer is what an [HTTP] proxy says instead of its server.
type Answer struct {
	// Path is what a request's path must contain for the answer to be given.
	Path string
	// Status and Body are the answer; the body is JSON.
	Status int
	Body   string
	// Every gives the answer to one such request in so many only; 0 and 1 to all.
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
		// Of a server that is away the client hears no answer, as without a proxy.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
	}
	p := &HTTP{address: listener.Addr().String()}
	var seen atomic.Int64
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := p.answer.Load()
		if answer == nil || !strings.Contains(r.URL.Path, answer.Path) || seen.Add(1)%max(1, answer.Every) != 0 {
			through.ServeHTTP(w, r)
			return
		}
		p.given.Add(1)
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

// Say has requests answered; nil lets all of them through again.
func (p *HTTP) Say(answer *Answer) { p.answer.Store(answer) }

// Given is how many answers were given in the server's place.
func (p *HTTP) Given() int64 { return p.given.Load() }

// Close ends the proxy and its connections.
func (p *HTTP) Close() { _ = p.server.Close() }
