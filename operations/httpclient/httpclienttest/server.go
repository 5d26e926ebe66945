// Package httpclienttest is for fuzz tests of clients of HTTP services.
package httpclienttest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"
)

// Server is a service that gives one answer to every request. It is the transport of the
// client under test.
type Server struct {
	Code   int
	Header http.Header
	Body   []byte

	answered func()
}

var _ http.RoundTripper = (*Server)(nil)

// RoundTrip gives the answer.
func (s *Server) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.Code, Header: s.Header, Body: &answer{bytes.NewReader(s.Body), s.answered}, Request: request}, nil
}

// Once calls a client and ends the context of the call as soon as the client has read the
// first answer, because a client may send its request again and again.
func (s *Server) Once(t *testing.T, call func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.answered = cancel
	_ = call(ctx)
}

// answer is the body of an answer.
type answer struct {
	io.Reader
	answered func()
}

// Close implements io.Closer.
func (a *answer) Close() error {
	a.answered()
	return nil
}
