// Package rpctest is for tests of gRPC interfaces with requests that nobody should send. It
// sends any bytes to the methods of a program, as any client can, and checks that the answer
// blames the request and not the program. It plants a text in every field of a request.
package rpctest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// patience bounds a call.
const patience = time.Minute

// Methods are the full names of methods with one request and one answer.
type Methods []string

// Unary returns the methods of services that have one request and one answer.
func Unary(services ...grpc.ServiceDesc) Methods {
	var names Methods
	for _, service := range services {
		for _, method := range service.Methods {
			names = append(names, "/"+service.ServiceName+"/"+method.MethodName)
		}
	}
	return names
}

// Seed adds each of the messages, for each method, to the corpus of a fuzz test whose
// arguments are those of Invoke: the number of a method and the bytes of a request.
func (m Methods) Seed(f *testing.F, messages ...proto.Message) {
	f.Helper()
	for method := range m {
		for _, message := range messages {
			body, err := proto.Marshal(message)
			require.NoError(f, err)
			f.Add(byte(method), body)
		}
	}
}

// Invoke sends bytes to a method, by its number modulo the number of methods, and fails
// the test unless RequireCallersFault accepts the answer.
func (m Methods) Invoke(t *testing.T, conn grpc.ClientConnInterface, method byte, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name := m[int(method)%len(m)]
	var answer []byte
	RequireCallersFault(t, name, conn.Invoke(ctx, name, body, &answer, Bytes()))
}

// RequireCallersFault fails the test unless err is nil, NotFound, or a refusal whose
// reason lies with the caller.
func RequireCallersFault(t *testing.T, method string, err error) {
	t.Helper()
	switch code := status.Code(err); code {
	case codes.OK, codes.InvalidArgument, codes.NotFound, codes.Aborted, codes.FailedPrecondition, codes.ResourceExhausted,
		codes.Unauthenticated, codes.PermissionDenied:
	default:
		t.Fatalf("%s: %v: %v", method, code, err)
	}
}

// Bytes is the option of a call whose request is a []byte and whose answer is a *[]byte.
// It does not check whether they are messages.
func Bytes() grpc.CallOption { return grpc.ForceCodecV2(bytesCodec{}) }

type bytesCodec struct{}

var _ encoding.CodecV2 = bytesCodec{}

// Marshal returns the bytes as they are.
func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

// Unmarshal copies the bytes.
func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// Name returns the name of the codec that it replaces.
func (bytesCodec) Name() string { return "proto" }
