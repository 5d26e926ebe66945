package serve

import (
	"net/http"
	"net/http/pprof"
)

// ServeProfiles serves the runtime's profiles at /debug/pprof/ if they are wanted: whoever reaches the
// HTTP address may then have the program profile itself, which costs processor time.
func (s *Server) ServeProfiles(wanted bool) {
	if !wanted {
		return
	}
	s.Handle("/debug/pprof/", http.HandlerFunc(pprof.Index))
	s.Handle("/debug/pprof/profile", http.HandlerFunc(pprof.Profile))
}
