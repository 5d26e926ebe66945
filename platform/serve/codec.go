package serve

import (
	"context"
	"errors"
	"io"

	"codebank.dev/platform/fault"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// errUndecodable is the answer to bytes that are not a message of the method's type.
var errUndecodable = fault.New(fault.InvalidArgument, "UNDECODABLE_REQUEST",
	"The request is not a well-formed message: it is cut short, of another type, or holds a string that is not UTF-8.")

// envelope is what a request is decoded into. When a codec fails, gRPC takes that for a
// bug and answers INTERNAL, but here it is the caller's mistake. So the codec puts its
// error into the envelope and reports success. The receiver of the message reads the
// error and answers INVALID_ARGUMENT.
type envelope struct {
	message any
	failure error
}

// open receives one message with receive and decodes it into message. If gRPC reports
// an internal error while it receives (broken compression, a message that is missing),
// that is the caller's mistake as well. open returns io.EOF, the end of a stream, as it
// is.
func open(receive func(any) error, message any) error {
	sealed := envelope{message: message}
	if err := receive(&sealed); err != nil {
		if status.Code(err) == codes.Internal {
			return errUndecodable.Wrap(err)
		}
		return err
	}
	if sealed.failure != nil {
		return errUndecodable.Wrap(sealed.failure)
	}
	return nil
}

// codec is the usual codec that also knows envelopes.
type codec struct{ encoding.CodecV2 }

// newCodec returns the codec that open depends on.
func newCodec() codec { return codec{encoding.GetCodecV2(proto.Name)} }

// Unmarshal decodes data into v, or into the message of the envelope v.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	sealed, ok := v.(*envelope)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	sealed.failure = c.CodecV2.Unmarshal(data, sealed.message)
	return nil
}

// forgiving returns a copy of the service whose unary methods receive through
// envelopes. A refusal passes the interceptor like any other call, so that it is
// counted and logged. The stream interceptor does the same for streams.
func forgiving(service *grpc.ServiceDesc) *grpc.ServiceDesc {
	wrapped := *service
	wrapped.Methods = make([]grpc.MethodDesc, len(service.Methods))
	for i, method := range service.Methods {
		fullMethod := "/" + service.ServiceName + "/" + method.MethodName
		wrapped.Methods[i] = grpc.MethodDesc{MethodName: method.MethodName, Handler: forgivingMethod(fullMethod, method.Handler)}
	}
	return &wrapped
}

func forgivingMethod(fullMethod string, handle grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, receive func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
		var failure error
		answer, err := handle(service, ctx, func(message any) error {
			if failure = open(receive, message); errors.Is(failure, io.EOF) {
				failure = errUndecodable.Wrap(failure)
			}
			return failure
		}, interceptor)
		if failure == nil || interceptor == nil {
			return answer, err
		}
		refuse := func(context.Context, any) (any, error) { return nil, failure }
		return interceptor(ctx, nil, &grpc.UnaryServerInfo{Server: service, FullMethod: fullMethod}, refuse)
	}
}
