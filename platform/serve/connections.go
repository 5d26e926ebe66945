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

// connections counts the open HTTP connections. One too many takes the place of one of its network that carries no
// request; if there is none, it is closed.
type connections struct {
	open    *shares
	sharing func(remote string) netip.Addr
	logger  *slog.Logger
	// warnings limits the warnings about connections that were closed.
	warnings sparing
	counted  sync.Map // net.Conn → netip.Addr
	idle     sync.Map // net.Conn → netip.Addr, those without a request
}

// evict closes an idle connection of the network of an address, and reports whether there was one. Its client sees
// what it sees when a connection was idle for too long.
func (c *connections) evict(from netip.Addr) (evicted bool) {
	c.idle.Range(func(conn, address any) bool {
		if network(address.(netip.Addr)) != network(from) {
			return true
		}
		if _, still := c.idle.LoadAndDelete(conn); !still {
			return true
		}
		if _, counted := c.counted.LoadAndDelete(conn); counted {
			c.open.give(address.(netip.Addr))
			evicted = true
		}
		_ = conn.(net.Conn).Close()
		return !evicted
	})
	return evicted
}

// changed is the ConnState of an http.Server.
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		from := c.sharing(conn.RemoteAddr().String())
		if c.open.take(from) || c.evict(from) && c.open.take(from) {
			c.counted.Store(conn, from)
			return
		}
		_ = conn.Close()
		if c.warnings.allows(time.Now()) {
			c.logger.Warn("an HTTP connection was closed because too many are open",
				"address", conn.RemoteAddr().String(), "limit", maxHTTPConnections,
				"limit_of_network", maxHTTPConnectionsOfNetwork, c.warnings.skipped())
		}
	case http.StateIdle:
		if from, ok := c.counted.Load(conn); ok {
			c.idle.Store(conn, from)
		}
	case http.StateActive:
		c.idle.Delete(conn)
	case http.StateClosed, http.StateHijacked:
		c.idle.Delete(conn)
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
