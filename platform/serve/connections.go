package serve

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"codebank.dev/platform/fault"
)

// Bounds on what clients hold open over HTTP. Each open request takes memory until its answer is read or its
// time is over.
const (
	// maxHTTPConnections and maxHTTPConnectionsOfNetwork bound the connections, in all and from one network.
	maxHTTPConnections          = 1024
	maxHTTPConnectionsOfNetwork = 256
	// maxHTTPStreams bounds the requests that a connection of HTTP/2 has open at once.
	maxHTTPStreams = 32
	// maxScrapes and maxScrapesOfNetwork bound the requests for the metrics. One holds all metrics in memory.
	maxScrapes          = 16
	maxScrapesOfNetwork = 4
	// maxDocsFiles and maxDocsFilesOfNetwork bound the requests for a file of /docs. One for a client that takes no
	// gzip has a decoder.
	maxDocsFiles          = 64
	maxDocsFilesOfNetwork = 16
)

var errTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_CALLS",
	"Too many requests for this path are open.").After(time.Second)

// connections counts the open HTTP connections, and closes those that are too many.
type connections struct {
	open    *shares
	sharing func(remote string) netip.Addr
	logger  *slog.Logger
	// warnings limits the warnings about connections that were closed.
	warnings sparing
	counted  sync.Map // net.Conn → netip.Addr
}

// changed is the ConnState of an http.Server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		from := c.sharing(conn.RemoteAddr().String())
		if c.open.take(from) {
			c.counted.Store(conn, from)
			return
		}
		_ = conn.Close()
		if c.warnings.allows(time.Now()) {
			c.logger.Warn("an HTTP connection was closed because too many are open",
				"address", conn.RemoteAddr().String(), "limit", maxHTTPConnections,
				"limit_of_network", maxHTTPConnectionsOfNetwork, c.warnings.skipped())
		}
	case http.StateClosed, http.StateHijacked:
		if from, ok := c.counted.LoadAndDelete(conn); ok {
			c.open.give(from.(netip.Addr))
		}
	}
}

// few serves a handler whose requests take much memory until their answers are read, to few at once.
func (s *Server) few(all, ofNetwork int, next http.Handler) http.HandlerFunc {
	open := newShares(all, ofNetwork)
	return func(w http.ResponseWriter, r *http.Request) {
		from := s.AddressOf(r)
		if !open.take(from) {
			WriteProblem(w, r, errTooMany)
			return
		}
		defer open.give(from)
		next.ServeHTTP(w, r)
	}
}
