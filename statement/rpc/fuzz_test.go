package rpc_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// bytesCodec sends bytes as they are, as any program can, and keeps what comes back.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal
// that blames the caller or tells of nothing found: never INTERNAL.
func FuzzRequest(f *testing.F) {
	service := start(f, postgrestest.Database(f))
	service.sink.Write(f, statementtest.Opening(alice), statementtest.Purchase(alice, 2))
	conn, methods := service.conn, statementv1.StatementService_ServiceDesc.Methods
	for method := range methods {
		for _, message := range []proto.Message{
			&statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"},
			&statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: 1, PageToken: "AQ"},
			&statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: -1, StartTime: timestamppb.New(time.Unix(0, 0)), EndTime: &timestamppb.Timestamp{Seconds: 1 << 60}},
		} {
			body, err := proto.Marshal(message)
			require.NoError(f, err)
			f.Add(byte(method), body)
		}
	}
	f.Fuzz(func(t *testing.T, method byte, body []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var answer []byte
		name := "/" + statementv1.StatementService_ServiceDesc.ServiceName + "/" + methods[int(method)%len(methods)].MethodName
		err := conn.Invoke(ctx, name, body, &answer, grpc.ForceCodecV2(bytesCodec{}))
		switch code := status.Code(err); code {
		case codes.OK, codes.InvalidArgument, codes.NotFound, codes.Aborted, codes.FailedPrecondition, codes.ResourceExhausted:
		default:
			t.Fatalf("%s: %v: %v", name, code, err)
		}
	})
}
