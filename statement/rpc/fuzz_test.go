package rpc_test

import (
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/rpctest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/statementtest"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// FuzzRequest: any bytes to any method are answered, by a message or by a refusal
// that blames the caller or tells of nothing found: never INTERNAL.
func FuzzRequest(f *testing.F) {
	service := start(f, postgrestest.Database(f))
	service.sink.Write(f, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	methods := rpctest.Unary(statementv1.StatementService_ServiceDesc, statementv1.FileService_ServiceDesc)
	methods.Seed(f,
		fileRequest("one"),
		&statementv1.GetFileRequest{Name: "accounts/" + alice + "/files/" + bob},
		&statementv1.ListFilesRequest{Parent: "accounts/" + alice, PageSize: 1, PageToken: "AQ"},
		&statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"},
		&statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: 1, PageToken: "AQ"},
		&statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement", AsOfSequence: 1},
		&statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement", AsOfTime: timestamppb.New(statementtest.Opened)},
		&statementv1.ListLinesRequest{
			Parent: "accounts/" + alice, Kinds: []statementv1.LineKind{1, 2}, Direction: 1, Text: "São", MinAmountMinor: 1, MaxAmountMinor: 1 << 40, AsOfSequence: 1 << 62,
		},
		&statementv1.SummarizeLinesRequest{Parent: "accounts/" + alice, StartTime: timestamppb.New(statementtest.Opened)},
		&statementv1.ListPendingHoldsRequest{Parent: "accounts/" + alice, PageSize: 1, PageToken: "AQ"},
		&statementv1.LinkCustomerRequest{Customer: "customers/" + alice, User: "users/" + bob},
		&statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: -1, StartTime: timestamppb.New(time.Unix(0, 0)), EndTime: &timestamppb.Timestamp{Seconds: 1 << 60}},
	)
	f.Fuzz(func(t *testing.T, method byte, body []byte) { methods.Invoke(t, service.conn, method, body) })
}
