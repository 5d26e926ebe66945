package rpc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/wallstest"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement/statementtest"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// watch opens a stream over gRPC.
func watch(t *testing.T, ctx context.Context, client statementv1.StatementServiceClient, after int64) grpc.ServerStreamingClient[statementv1.WatchLinesResponse] {
	t.Helper()
	stream, err := client.WatchLines(ctx, &statementv1.WatchLinesRequest{Parent: "accounts/" + alice, AfterSequence: after})
	require.NoError(t, err)
	return stream
}

// requireNext requires that the next answers are the lines of these sequences.
func requireNext(t *testing.T, stream grpc.ServerStreamingClient[statementv1.WatchLinesResponse], sequences ...int64) {
	t.Helper()
	for _, sequence := range sequences {
		answer, err := stream.Recv()
		require.NoError(t, err)
		require.Equal(t, sequence, answer.GetLine().GetSequence())
		require.Equal(t, sequence, answer.GetCompleteToSequence())
		require.False(t, answer.GetLine().GetProvisional())
	}
}

// requireBegun requires that the next answer has no line and is complete to a sequence.
func requireBegun(t *testing.T, stream grpc.ServerStreamingClient[statementv1.WatchLinesResponse], completeTo int64) {
	t.Helper()
	answer, err := stream.Recv()
	require.NoError(t, err)
	require.Nil(t, answer.GetLine())
	require.Equal(t, completeTo, answer.GetCompleteToSequence())
}

// Lines come in order, none before an earlier event is there, none twice, and a client goes on where it was.
func TestAStreamOfLinesHasNoGapAndNoRepeat(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2), statementtest.Decline(alice, 3, -200))
	ctx, cancel := context.WithCancel(t.Context())
	all := watch(t, ctx, r, 0)
	requireNext(t, all, 2)
	requireBegun(t, all, 3)
	now := watch(t, ctx, r, -1)
	requireBegun(t, now, 3)

	r.sink.Write(t, statementtest.Purchase(alice, 5), statementtest.Purchase(alice, 7))
	r.sink.Write(t, statementtest.Purchase(alice, 4), statementtest.Purchase(alice, 5))
	requireNext(t, all, 4, 5)
	requireNext(t, now, 4, 5)
	cancel()
	_, err := all.Recv()
	require.Error(t, err)

	r.sink.Write(t, statementtest.Purchase(alice, 6))
	again := watch(t, t.Context(), r, 5)
	requireNext(t, again, 6, 7)
	requireBegun(t, again, 7)
	ahead := watch(t, t.Context(), r, 8)
	requireBegun(t, ahead, 8)
	r.sink.Write(t, statementtest.Purchase(alice, 8), statementtest.Purchase(alice, 9))
	requireNext(t, ahead, 9)
	requireNext(t, again, 8, 9)
}

// lines opens a stream over REST.
func (r *running) lines(t *testing.T, client *http.Client, token, query string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.http+"/v1/accounts/"+alice+"/lines:watch"+query, nil)
	require.NoError(t, err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	return response, bufio.NewScanner(response.Body)
}

func TestAStreamOverRESTIsLinesOfJSON(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice), statementtest.Purchase(alice, 2))
	response, lines := r.lines(t, r.client, "", "?afterSequence=1")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/x-ndjson", response.Header.Get("Content-Type"))
	next := func() *statementv1.WatchLinesResponse {
		require.True(t, lines.Scan(), lines.Err())
		var chunk struct{ Result json.RawMessage }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &chunk), lines.Text())
		var answer statementv1.WatchLinesResponse
		require.NoError(t, protojson.Unmarshal(chunk.Result, &answer), lines.Text())
		return &answer
	}
	require.Equal(t, int64(2), next().GetLine().GetSequence())
	require.Nil(t, next().GetLine())
	r.sink.Write(t, statementtest.Purchase(alice, 3))
	require.Equal(t, int64(3), next().GetLine().GetSequence())

	for query, field := range map[string]string{"?afterSequence=-2": "after_sequence", "?unheard=of": "unheard", "?afterSequence=last": "after_sequence"} {
		response, lines := r.lines(t, r.client, "", query)
		require.Equal(t, http.StatusBadRequest, response.StatusCode)
		require.Equal(t, "application/problem+json", response.Header.Get("Content-Type"))
		require.True(t, lines.Scan())
		var problem serve.Problem
		require.NoError(t, json.Unmarshal(lines.Bytes(), &problem), lines.Text())
		require.Equal(t, field, problem.Field)
	}
	head, err := r.client.Head(r.http + "/v1/accounts/" + alice + "/lines:watch")
	require.NoError(t, err)
	require.NoError(t, head.Body.Close())
	require.Equal(t, http.StatusOK, head.StatusCode)
}

// A stream ends with its session, at the next line.
func TestAStreamEndsWithItsSession(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice))
	session := uuid.NewString()
	token := r.kit.Sign(t, wallstest.Token{Subject: owner, Roles: []string{"customer"}, Session: session})
	_, lines := r.lines(t, r.kit.HTTP(t, ""), token, "")
	require.True(t, lines.Scan())
	r.kit.EndSession(session)
	next := int64(2)
	await.Until(t, func() bool {
		r.sink.Write(t, statementtest.Purchase(alice, next))
		next++
		var chunk struct{ Error struct{ Message string } }
		return !lines.Scan() || json.Unmarshal(lines.Bytes(), &chunk) == nil && chunk.Error.Message != ""
	}, 20*time.Second, 20*time.Millisecond)
	require.Contains(t, lines.Text(), "SESSION_ENDED")
	require.False(t, lines.Scan(), "nothing follows")
}

// A stream ends when its account is linked to somebody else.
func TestAStreamEndsWithItsOwnership(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice))
	client := statementv1.NewStatementServiceClient(r.kit.Dial(t, r.address, ""))
	stream := watch(t, wallstest.WithToken(t.Context(), r.kit.Customer(t, owner)), client, 0)
	requireBegun(t, stream, 1)
	_, err := r.LinkCustomer(t.Context(), &statementv1.LinkCustomerRequest{Customer: "customers/" + owner, User: "users/" + stranger})
	require.NoError(t, err)
	r.sink.Write(t, statementtest.Purchase(alice, 2))
	_, err = stream.Recv()
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "%v", err)
}

func TestAUserHasFewStreams(t *testing.T) {
	r := start(t, postgrestest.Database(t))
	r.sink.Write(t, statementtest.Opening(alice))
	client := statementv1.NewStatementServiceClient(r.kit.Dial(t, r.address, ""))
	ctx, cancel := context.WithCancel(wallstest.WithToken(t.Context(), r.kit.Customer(t, owner)))
	first := watch(t, ctx, client, 0)
	requireBegun(t, first, 1)
	more := wallstest.WithToken(t.Context(), r.kit.Customer(t, owner))
	for range 7 {
		requireBegun(t, watch(t, more, client, 0), 1)
	}
	_, err := watch(t, more, client, 0).Recv()
	require.Equal(t, "TOO_MANY_WATCHES", fault.Of(err).Reason, "%v", err)
	requireBegun(t, watch(t, t.Context(), r, 0), 1)
	cancel()
	await.Until(t, func() bool {
		_, err := watch(t, more, client, 0).Recv()
		return err == nil
	}, 10*time.Second, 20*time.Millisecond, "a stream that has ended counts no more")
}
