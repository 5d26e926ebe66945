package serve

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
)

// headKey marks a request by HEAD, whose stream ends behind its first answer.
type headKey struct{}

// openStream is the interceptor of the gateway's calls that are answered by a stream. It does what
// refuseUnknownParameters and vouch do for other calls.
//
// tidy:parameters gRPC decides the signature
func (s *Server) openStream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
	if query, ok := ctx.Value(queryKey{}).(url.Values); ok {
		if err := checkQuery(ctx, method, query); err != nil {
			return nil, err
		}
	}
	known, _ := ctx.Value(identityKey{}).(identity)
	lent, end := s.edge.handles.lend(ctx, known.proof)
	// The call may be identified at any time before its first answer, so the loan lasts as long as the request.
	context.AfterFunc(ctx, end)
	stream, err := open(lent, desc, conn, method, options...)
	if err != nil {
		return nil, err
	}
	return &gatewayStream{ClientStream: stream, head: ctx.Value(headKey{}) != nil}, nil
}

// gatewayStream is a stream whose refusal comes with its header, so that a request that is refused has the
// status and the problem of any other request.
type gatewayStream struct {
	grpc.ClientStream
	head, ended bool
}

// Header waits for the first answer. It returns the error of a stream that has ended before.
func (g *gatewayStream) Header() (metadata.MD, error) {
	header, err := g.ClientStream.Header()
	if err != nil || header != nil {
		return header, err
	}
	if err := g.ClientStream.RecvMsg(&emptypb.Empty{}); err != nil && err != io.EOF {
		return nil, err
	}
	g.ended = true
	return nil, nil
}

// RecvMsg receives the next answer, or io.EOF.
func (g *gatewayStream) RecvMsg(message any) error {
	if g.ended {
		return io.EOF
	}
	g.ended = g.head
	return g.ClientStream.RecvMsg(message)
}

// extendAnswer gives the client of a stream the time of a whole answer for each part of it. Without it the
// stream would end with the time of its request.
func (s *Server) extendAnswer(_ context.Context, w http.ResponseWriter, _ proto.Message) error {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.config.AnswerTimeout))
	return nil
}
