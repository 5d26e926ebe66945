package serve

import (
	"context"
	"net/http"
)

// Readmit finds out once more who makes a request of RouteStream whose answer goes on, and refuses it as a new request
// would be refused: its secret may have been revoked, or its session have ended. It returns the context as a handler
// gets it. Ask within a few seconds, again and again.
func (s *Server) Readmit(r *http.Request) (context.Context, error) {
	return s.admitRequest(r, r.Pattern)
}
