package serve

import (
	"context"
	"io"
	"slices"
	"time"

	"codebank.dev/platform/fault"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Forward registers a service whose calls are made to another program, over a connection to it, for who makes
// them (see Onward). With Gateway, a program shows by it the REST of others. The permissions must have a row
// for each method, as for any service; an empty row lets nobody call. The other program judges the user once
// more. Messages of requests may be changed by interceptors of Config.GRPCOptions. A method whose requests are
// a stream is not forwarded, and answers UNIMPLEMENTED. endless are the full names of methods whose answers have no
// end. Their calls end Unavailable when the server begins to end, while those of others may finish.
func (s *Server) Forward(service *grpc.ServiceDesc, conn grpc.ClientConnInterface, endless ...string) error {
	forwarded := &grpc.ServiceDesc{ServiceName: service.ServiceName, HandlerType: (*any)(nil), Metadata: service.Metadata}
	for _, method := range service.Methods {
		full := "/" + service.ServiceName + "/" + method.MethodName
		ends, err := endsOf(full)
		if err != nil {
			return err
		}
		forwarded.Methods = append(forwarded.Methods, grpc.MethodDesc{MethodName: method.MethodName, Handler: s.forwardUnary(full, ends, conn)})
	}
	for _, stream := range service.Streams {
		full := "/" + service.ServiceName + "/" + stream.StreamName
		ends, err := endsOf(full)
		if err != nil {
			return err
		}
		forwarded.Streams = append(forwarded.Streams, grpc.StreamDesc{
			StreamName: stream.StreamName, ServerStreams: stream.ServerStreams, ClientStreams: stream.ClientStreams,
			Handler: s.forwardStream(full, ends, conn, s.drainingOf(full, endless)),
		})
	}
	s.RegisterService(forwarded, nil)
	return nil
}

// ends make an empty request and an empty answer of a method.
type ends struct{ request, answer func() proto.Message }

func endsOf(fullMethod string) (ends, error) {
	method, err := methodOf(fullMethod)
	if err != nil {
		return ends{}, err
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return ends{}, err
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return ends{}, err
	}
	return ends{
		request: func() proto.Message { return in.New().Interface() },
		answer:  func() proto.Message { return out.New().Interface() },
	}, nil
}

func (s *Server) forwardUnary(full string, ends ends, conn grpc.ClientConnInterface) grpc.MethodHandler {
	call := func(ctx context.Context, request any) (any, error) {
		answer := ends.answer()
		onward := ContextWithReplay(s.Onward(ctx), func(replayed bool) {
			if replayed {
				Replayed(ctx)
			}
		})
		if err := conn.Invoke(onward, full, request, answer); err != nil {
			return nil, FromStatus(err)
		}
		return answer, nil
	}
	return func(_ any, ctx context.Context, receive func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		request := ends.request()
		if err := receive(request); err != nil {
			return nil, err
		}
		if interceptor == nil {
			return call(ctx, request)
		}
		return interceptor(ctx, request, &grpc.UnaryServerInfo{FullMethod: full}, call)
	}
}

// errEnding ends a stream without an end when the program does.
var errEnding = fault.New(fault.Unavailable, "ENDING", "The program ends. Call again, and go on behind what has come.").After(time.Second)

// drainingOf returns Draining for a method whose answers have no end, and nil for another one.
func (s *Server) drainingOf(full string, endless []string) <-chan struct{} {
	if slices.Contains(endless, full) {
		return s.draining
	}
	return nil
}

// forwardStream forwards a call with one request and a stream of answers, until draining is closed.
//
// tidy:parameters where a call goes, and how long
func (s *Server) forwardStream(full string, ends ends, conn grpc.ClientConnInterface, draining <-chan struct{}) grpc.StreamHandler {
	return func(_ any, incoming grpc.ServerStream) error {
		request := ends.request()
		if err := incoming.RecvMsg(request); err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(s.Onward(incoming.Context()))
		defer cancel(nil)
		go func() {
			select {
			case <-draining:
				cancel(errEnding)
			case <-ctx.Done():
			}
		}()
		outgoing, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full)
		if err != nil {
			return FromStatus(err)
		}
		if err := outgoing.SendMsg(request); err != nil && err != io.EOF { //nolint:errorlint // gRPC returns exactly io.EOF.
			return FromStatus(err)
		}
		if err := outgoing.CloseSend(); err != nil {
			return FromStatus(err)
		}
		for {
			answer := ends.answer()
			switch err := outgoing.RecvMsg(answer); {
			case err == io.EOF: //nolint:errorlint // gRPC returns exactly io.EOF.
				return nil
			case context.Cause(ctx) == errEnding: //nolint:errorlint // It is exactly this one.
				return errEnding
			case err != nil:
				return FromStatus(err)
			}
			if err := incoming.SendMsg(answer); err != nil {
				return err
			}
		}
	}
}
