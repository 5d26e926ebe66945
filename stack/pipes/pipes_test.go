package pipes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
)

// serve starts a server that answers with do until the test ends.
func serve(t *testing.T, do http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewServer(do)
	t.Cleanup(server.Close)
	return server.URL
}

func TestAnAnswerIsDecodedAndARefusalIsAnError(t *testing.T) {
	address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/echo":
			_, _ = fmt.Fprintf(w, `{"method": %q, "sent": %q}`, r.Method, sent)
		case "/refused":
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, "rebalancing")
		}
	})
	var answer struct{ Method, Sent string }
	require.NoError(t, Call(t.Context(), http.MethodPost, address+"/echo", map[string]int{"n": 1}, &answer))
	require.Equal(t, `{"n":1}`, answer.Sent)
	require.NoError(t, Call(t.Context(), http.MethodPut, address+"/echo", nil, &answer))
	require.Equal(t, http.MethodPut, answer.Method)
	require.Empty(t, answer.Sent)
	answer.Sent = "before"
	require.NoError(t, Call(t.Context(), http.MethodPut, address+"/nothing", nil, &answer))
	require.Equal(t, "before", answer.Sent)
	require.ErrorContains(t, Call(t.Context(), http.MethodPut, address+"/refused", nil, &answer), "409 Conflict: rebalancing")
}

func TestAwaitRetriesAndReturnsTheLastErrorAtItsTimeout(t *testing.T) {
	tries := 0
	require.NoError(t, Await(t.Context(), time.Minute, func(context.Context) error {
		if tries++; tries < 3 {
			return errors.New("not yet")
		}
		return nil
	}))
	require.Equal(t, 3, tries)
	err := Await(t.Context(), time.Millisecond, func(context.Context) error { return errors.New("never") })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "never")
}

func TestAConnectorIsInAStateWhenAllItsTasksAre(t *testing.T) {
	status := func(connector string, tasks ...string) *Status {
		s := &Status{}
		s.Connector.State = connector
		for _, task := range tasks {
			s.Tasks = append(s.Tasks, Task{State: task})
		}
		return s
	}
	require.NoError(t, status("RUNNING", "RUNNING", "RUNNING").Require("RUNNING"))
	require.NoError(t, status("STOPPED").Require("STOPPED"))
	require.EqualError(t, status("RUNNING").Require("RUNNING"), "is RUNNING with 0 tasks")
	require.EqualError(t, status("RUNNING", "RUNNING", "FAILED").Require("RUNNING"), "has a task 1 that is FAILED")
	require.EqualError(t, status("PAUSED", "RUNNING").Require("RUNNING"), "is PAUSED with 1 tasks")
	require.Error(t, status("PAUSED", "RUNNING").Require("PAUSED"))
}

func TestASinkIsRewoundAfterItHasStopped(t *testing.T) {
	var orders []string
	state, task, refusals := "RUNNING", `{"state": "RUNNING"}`, 1
	worker := Worker(serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch order := r.Method + " " + r.URL.Path; order {
		case "GET /connectors/sink/status":
			_, _ = fmt.Fprintf(w, `{"connector": {"state": %q}, "tasks": [%s]}`, state, task)
			return
		case "PUT /connectors/sink/stop":
			state, task = "STOPPED", ""
		case "PUT /connectors/sink/resume":
			state, task = "RUNNING", `{"state": "RUNNING"}`
		case "DELETE /connectors/sink/offsets":
			if refusals > 0 {
				refusals--
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		orders = append(orders, r.Method+" "+r.URL.Path)
	}))
	require.NoError(t, worker.Rewind(t.Context(), "sink", time.Minute))
	require.Equal(t, []string{"PUT /connectors/sink/stop", "DELETE /connectors/sink/offsets", "PUT /connectors/sink/resume"}, orders)
}

func TestTheLagIsTheSumOverPartitions(t *testing.T) {
	const topic = "events"
	ends := kadm.ListedOffsets{topic: {}}
	for partition, offset := range []int64{7, 0, 5} {
		ends[topic][int32(partition)] = kadm.ListedOffset{Topic: topic, Partition: int32(partition), Offset: offset}
	}
	committed := make(kadm.OffsetResponses)
	commit := func(partition int32, at int64) {
		committed.Add(kadm.OffsetResponse{Offset: kadm.Offset{Topic: topic, Partition: partition, At: at}})
	}
	require.EqualValues(t, 12, Lag(committed, ends))
	commit(0, 9) // more was written meanwhile; the other partitions are still behind
	require.EqualValues(t, 5, Lag(committed, ends))
	commit(2, 4)
	require.EqualValues(t, 1, Lag(committed, ends))
	commit(2, 5)
	require.Zero(t, Lag(committed, ends))
}

func TestAnAnswerOfSomeShardsIsAnError(t *testing.T) {
	for answered, complete := range map[string]bool{
		`{"total": 2, "successful": 2}`: true,
		`{"total": 2, "successful": 1}`: false,
		`{"total": 0, "successful": 0}`: false,
	} {
		index := Index(serve(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"count": 7, "_shards": %s, "aggregations": {"of": {"buckets": [{"newest": {"value": 1.5e12}}, {"newest": {"value": 1.4e12}}]}}}`, answered)
		}))
		count, counting := index.Count(t.Context(), `{"match_all": {}}`)
		millis, completing := index.CompleteTo(t.Context(), "001", 2)
		if !complete {
			require.ErrorIs(t, counting, errPartial, answered)
			require.ErrorIs(t, completing, errPartial, answered)
			continue
		}
		require.NoError(t, errors.Join(counting, completing))
		require.EqualValues(t, 7, count)
		require.EqualValues(t, 1_400_000_000_000, millis, "the least")
		_, err := index.CompleteTo(t.Context(), "001", 3)
		require.EqualError(t, err, "2 of 3 partitions have a watermark in the index")
	}
}
