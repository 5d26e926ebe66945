package rpc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/wallstest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/statementtest"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// owner owns every account of statementtest, and stranger owns none.
const owner, stranger = statementtest.Customer, "77b1a3a8-1d8c-4f5c-9a1e-2f6f3f0d5e04"

func TestEveryMethodIsForThoseOnly(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Purchase(alice, 1), statementtest.Purchase(alice, 2))
	file := r.createAs(t, owner, fileRequest("matrix"))
	always := func(message proto.Message) func(wallstest.Caller) proto.Message {
		return func(wallstest.Caller) proto.Message { return message }
	}
	// owner, other customer, service, service not listed, operator, nobody; then the owner with a token that is
	// expired, for another audience, without a signature, signed with the public key, of a retired key, of an
	// ended session, without the role.
	const read = "200 404 200 403 200 401 401 401 401 401 401 401 403"
	// A file is for who asked for it, and not for those who may read the account beside him.
	const own = "200 404 404 403 404 401 401 401 401 401 401 401 403"
	matrix := wallstest.Matrix{
		Kit: r.kit, GRPC: r.address, HTTP: strings.TrimPrefix(r.http, "https://"),
		Owner: owner, Other: stranger, Service: "auditor", Unlisted: "checkout", Operator: "operator",
		Rows: []wallstest.Row{
			{Method: statementv1.StatementService_GetStatement_FullMethodName, Cells: read,
				Request: always(&statementv1.GetStatementRequest{Name: "accounts/" + alice + "/statement"})},
			{Method: statementv1.StatementService_ListLines_FullMethodName, Cells: read,
				Request: always(&statementv1.ListLinesRequest{Parent: "accounts/" + alice})},
			{Method: statementv1.StatementService_ListPendingHolds_FullMethodName, Cells: read,
				Request: always(&statementv1.ListPendingHoldsRequest{Parent: "accounts/" + alice})},
			{Method: statementv1.StatementService_SummarizeLines_FullMethodName, Cells: read,
				Request: always(&statementv1.SummarizeLinesRequest{Parent: "accounts/" + alice})},
			{Method: statementv1.StatementService_WatchLines_FullMethodName, Cells: read,
				Request: always(&statementv1.WatchLinesRequest{Parent: "accounts/" + alice})},
			{Method: statementv1.FileService_CreateFile_FullMethodName, Cells: read,
				Request: func(wallstest.Caller) proto.Message { return fileRequest(uuid.NewString()) }},
			{Method: statementv1.FileService_ListFiles_FullMethodName, Cells: read,
				Request: always(&statementv1.ListFilesRequest{Parent: "accounts/" + alice})},
			{Method: statementv1.FileService_GetFile_FullMethodName, Cells: own,
				Request: always(&statementv1.GetFileRequest{Name: file.GetName()})},
			{Method: statementv1.FileService_DownloadFile_FullMethodName, Cells: own,
				Request: always(&statementv1.DownloadFileRequest{Name: file.GetName()})},
			{Method: statementv1.StatementService_LinkCustomer_FullMethodName,
				Cells:   "403 403 403 403 200 401 401 401 401 401 401 401 403",
				Request: always(&statementv1.LinkCustomerRequest{Customer: "customers/" + owner, User: "users/" + owner})},
		},
	}
	matrix.Run(t, statementv1.StatementService_ServiceDesc, statementv1.FileService_ServiceDesc)
}

// getAs sends one REST request of a user, and returns the status and the body without its trace.
func (r *running) getAs(t *testing.T, user, path string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+r.kit.Customer(t, user))
	response, err := r.kit.HTTP(t, "").Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	var fields map[string]any
	require.NoError(t, json.Unmarshal(body, &fields), string(body))
	delete(fields, "traceId")
	delete(fields, "trace_id")
	body, err = json.Marshal(fields)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// What is not yours is answered as what is not there, whatever else the request says.
func TestNotYoursIsNotThere(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Purchase(alice, 3))
	token := r.firstToken(t, owner)
	for _, path := range []string{
		"/statement", "/lines", "/holds", "/lines?pageSize=1", "/lines?startTime=2026-01-01T00:00:00Z", "/lines?pageToken=" + url.QueryEscape(token),
		"/holds?pageToken=AQ", "/lines?pageSize=-1", "/lines:summarize", "/lines:summarize?startTime=2026-01-01T00:00:00Z", "/lines:watch",
		"/lines:watch?afterSequence=2", "/lines:watch?afterSequence=-2", "/statement?asOfSequence=1", "/statement?asOfTime=2026-01-01T00:00:00Z",
		"/lines?text=padaria&kinds=LINE_KIND_PURCHASE&asOfSequence=2",
	} {
		status, theirs := r.getAs(t, stranger, "/v1/accounts/"+alice+path)
		missingStatus, missing := r.getAs(t, stranger, "/v1/accounts/"+bob+path)
		require.Equal(t, missingStatus, status, path)
		require.Equal(t, strings.ReplaceAll(missing, bob, alice), theirs, path)
		require.GreaterOrEqual(t, status, 400, path)
	}
}

// firstToken returns the page token of a user's first page of one line.
func (r *running) firstToken(t *testing.T, user string) string {
	t.Helper()
	status, body := r.getAs(t, user, "/v1/accounts/"+alice+"/lines?pageSize=1")
	require.Equal(t, http.StatusOK, status, body)
	var page statementv1.ListLinesResponse
	require.NoError(t, protojson.Unmarshal([]byte(body), &page))
	require.NotEmpty(t, page.GetNextPageToken())
	return page.GetNextPageToken()
}

// A page token goes on for the one who got it, and for nobody else who sees the account.
func TestAPageTokenIsItsReaders(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Purchase(alice, 3))
	token := r.firstToken(t, owner)
	status, body := r.getAs(t, owner, "/v1/accounts/"+alice+"/lines?pageSize=1&pageToken="+url.QueryEscape(token))
	require.Equal(t, http.StatusOK, status, body)
	_, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageToken: token})
	require.Equal(t, "page_token", fault.Of(err).Field, "%v", err)
	page, err := r.ListLines(t.Context(), &statementv1.ListLinesRequest{Parent: "accounts/" + alice, PageSize: 1})
	require.NoError(t, err)
	status, body = r.getAs(t, owner, "/v1/accounts/"+alice+"/lines?pageToken="+url.QueryEscape(page.GetNextPageToken()))
	require.Equal(t, http.StatusBadRequest, status, body)
}

// An operator links a customer to a user, who then sees its accounts in place of the user of the same UUID.
func TestAnOperatorLinksACustomerToAUser(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice))
	request := &statementv1.LinkCustomerRequest{Customer: "customers/" + owner, User: "users/" + stranger}
	for range 2 {
		_, err := r.LinkCustomer(t.Context(), request)
		require.NoError(t, err)
	}
	status, body := r.getAs(t, stranger, "/v1/accounts/"+alice+"/statement")
	require.Equal(t, http.StatusOK, status, body)
	status, body = r.getAs(t, owner, "/v1/accounts/"+alice+"/statement")
	require.Equal(t, http.StatusNotFound, status, body)

	_, err := r.LinkCustomer(t.Context(), &statementv1.LinkCustomerRequest{Customer: request.GetCustomer(), User: "users/" + owner})
	require.Equal(t, fault.FailedPrecondition, fault.CodeOf(err), "%v", err)
	require.Equal(t, "CUSTOMER_LINKED", fault.Of(err).Reason)
	var rows []auditlog.Row
	_, err = table.Rows(t.Context(), r.sink.Pool(), func(row auditlog.Row) error {
		rows = append(rows, row)
		return nil
	})
	require.NoError(t, err)
	require.Len(t, rows, 1, "what changes nothing has no record")
	record := rows[0].Record
	require.Regexp(t, "^[0-9a-f]{32}$", record.Trace)
	require.WithinDuration(t, time.Now(), record.At, time.Hour)
	record.At, record.Trace = time.Time{}, ""
	require.Equal(t, auditlog.Record{
		Act: statement.ActLink, WhoKind: "OPERATOR", Who: "operator", What: request.GetCustomer() + " " + request.GetUser(),
		Address: "127.0.0.1", Result: auditlog.ResultOK,
	}, record)
	for field, wrong := range map[string]*statementv1.LinkCustomerRequest{
		"customer": {Customer: owner, User: "users/" + owner},
		"user":     {Customer: "customers/" + owner, User: "customers/" + owner},
	} {
		_, err := r.LinkCustomer(t.Context(), wrong)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "%v", err)
		require.Equal(t, field, fault.Of(err).Field)
	}
}
