package kafkaconnect_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
	"codebank.dev/operations/httpclient"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/provision"
)

var (
	statement = kafkaconnect.Connector{Name: "statement-postgres", Config: map[string]string{
		"connector.class": "jdbc", "batch.size": "3000", "connection.password": "${env:PASSWORD}"}}
	index = kafkaconnect.Connector{Name: "transactions-elasticsearch", Config: map[string]string{
		"connector.class": "elasticsearch"}}
)

func within(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// apply returns the results and the error of one Apply, with a quick pace.
func apply(t *testing.T, client *kafkaconnect.Client, wanted ...kafkaconnect.Connector) ([]provision.Result, error) {
	t.Helper()
	var results []provision.Result
	err := client.Apply(within(t, 30*time.Second), wanted,
		kafkaconnect.Pace{Poll: 5 * time.Millisecond, Stable: 100 * time.Millisecond},
		func(r provision.Result) { results = append(results, r) })
	return results, err
}

func TestApplyCreatesConnectorsAndThenChangesNothing(t *testing.T) {
	worker, client := newWorker(t)
	results, err := apply(t, client, statement, index)
	require.NoError(t, err)
	require.Equal(t, []provision.Result{
		{Kind: "connector", Name: "statement-postgres", Action: provision.Created, Detail: "2 tasks run"},
		{Kind: "connector", Name: "transactions-elasticsearch", Action: provision.Created, Detail: "2 tasks run"},
	}, results)

	results, err = apply(t, client, statement, index)
	require.NoError(t, err)
	require.Equal(t, provision.Unchanged, results[0].Action)
	require.Equal(t, provision.Unchanged, results[1].Action)
	require.Equal(t, []string{"statement-postgres", "transactions-elasticsearch"}, worker.puts)
}

func TestAConfigurationThatDiffersIsReplacedWhole(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement)
	require.NoError(t, err)
	worker.connectors[statement.Name].config["batch.size"] = "1"
	worker.connectors[statement.Name].config["by.hand"] = "x"

	results, err := apply(t, client, statement)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[0].Action)
	require.Equal(t, "2 tasks run, batch.size, by.hand", results[0].Detail)
	require.NotContains(t, worker.connectors[statement.Name].config, "by.hand")
}

func TestPlanTellsDifferencesAndChangesNothing(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement)
	require.NoError(t, err)
	worker.connectors[statement.Name].config["connection.password"] = "in the clear"

	plans, err := client.Plan(t.Context(), []kafkaconnect.Connector{statement, index})
	require.NoError(t, err)
	require.Equal(t, provision.Updated, plans[0].Action)
	require.Len(t, plans[0].Differences, 1)
	require.Equal(t, "connection.password", plans[0].Differences[0].Key)
	require.Equal(t, provision.Concealed, *plans[0].Differences[0].Running)
	require.Equal(t, provision.Created, plans[1].Action)
	require.Len(t, worker.puts, 1)
}

func TestAFailedTaskIsAnErrorWithTheFirstLinesOfItsTrace(t *testing.T) {
	worker, client := newWorker(t)
	worker.tasks = func(name string, _ map[string]string) []kafkaconnect.Task {
		if name == index.Name {
			return []kafkaconnect.Task{task(0, kafkaconnect.Running)}
		}
		return []kafkaconnect.Task{task(0, kafkaconnect.Running), failed(1, "org.Exit: cannot write\n\tat org.A.b(A.java:1)\n"+
			"\t... 9 more\nCaused by: java.sql.SQLException: no column\n\tat org.C.d(C.java:2)\n")}
	}
	results, err := apply(t, client, statement, index)
	failure := new(kafkaconnect.FailedError)
	require.ErrorAs(t, err, &failure)
	require.Equal(t, 1, failure.Task)
	require.EqualError(t, err, "task 1 of connector statement-postgres FAILED: "+
		"org.Exit: cannot write\n  Caused by: java.sql.SQLException: no column")
	require.Len(t, results, 1, "the other connector is waited for all the same")
}

func TestTheFailureOfBeforeAChangeIsNotBelieved(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement)
	require.NoError(t, err)
	worker.connectors[statement.Name].tasks = []kafkaconnect.Task{failed(0, "old")}
	worker.connectors[statement.Name].config["batch.size"] = "1"
	results, err := apply(t, client, statement)
	require.NoError(t, err)
	require.Equal(t, provision.Updated, results[0].Action)
}

func TestAnUnchangedConnectorThatFailedIsStillAnError(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement)
	require.NoError(t, err)
	worker.connectors[statement.Name].tasks = []kafkaconnect.Task{failed(0, "")}
	_, err = apply(t, client, statement)
	require.EqualError(t, err, "task 0 of connector statement-postgres FAILED: no trace")
}

func TestAPausedConnectorIsNotResumed(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement)
	require.NoError(t, err)
	worker.connectors[statement.Name].state.State = kafkaconnect.Paused
	_, err = apply(t, client, statement)
	require.ErrorContains(t, err, "is PAUSED")
}

func TestAConfigurationTheWorkerRefusesIsItsMessage(t *testing.T) {
	_, client := newWorker(t)
	bad := kafkaconnect.Connector{Name: "bad", Config: map[string]string{"x": "y"}}
	results, err := apply(t, client, bad, index)
	refusal := new(httpclient.RefusedError)
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, http.StatusBadRequest, refusal.StatusCode)
	require.ErrorContains(t, err, "missing connector.class")
	require.Len(t, results, 1, "the other connector is applied all the same")
}

func TestCallsWaitForAWorkerThatStartsOrRebalances(t *testing.T) {
	tests := []struct {
		rule  string
		given answer
		waits bool
	}{
		{"the group rebalances", answer{http.StatusConflict, "Cannot complete request momentarily due to stale configuration"}, true},
		{"the worker starts", answer{http.StatusServiceUnavailable, "Kafka Connect worker is starting up"}, true},
		{"the worker's own time ran out", answer{http.StatusInternalServerError, "Request timed out. The worker is currently joining"}, true},
		{"a rebalance is about to begin", answer{http.StatusInternalServerError, "Request cannot be completed because a rebalance is expected"}, true},
		{"a class is missing", answer{http.StatusInternalServerError, "Failed to find any class that implements Connector"}, false},
		{"the request is wrong", answer{http.StatusBadRequest, "no"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			worker, client := newWorker(t)
			worker.trouble = []answer{tt.given}
			err := client.Put(within(t, 30*time.Second), index)
			if tt.waits {
				require.NoError(t, err)
				require.Equal(t, []string{index.Name}, worker.puts)
				return
			}
			require.ErrorContains(t, err, tt.given.message)
			require.Empty(t, worker.puts)
		})
	}
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	_, client := newWorker(t)
	_, err := client.Config(t.Context(), "none")
	require.ErrorIs(t, err, kafkaconnect.ErrNotFound)
	_, err = client.Status(t.Context(), "none")
	require.ErrorIs(t, err, kafkaconnect.ErrNotFound)
	require.ErrorIs(t, client.Restart(t.Context(), "none", true), kafkaconnect.ErrNotFound)
}

func TestAddressesAreHTTP(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:17925", "kafka://x"} {
		_, err := kafkaconnect.New(address, nil)
		require.Error(t, err, address)
	}
}

func TestTheSupervisorRestartsOnlyWhatFailed(t *testing.T) {
	worker, client := newWorker(t)
	_, err := apply(t, client, statement, index)
	require.NoError(t, err)
	worker.mu.Lock()
	left := 2 // restarts that do not help
	worker.connectors[statement.Name].tasks = []kafkaconnect.Task{failed(0, "gone"), task(1, kafkaconnect.Running)}
	worker.tasks = func(string, map[string]string) []kafkaconnect.Task {
		if left--; left >= 0 {
			return []kafkaconnect.Task{failed(0, "still gone"), task(1, kafkaconnect.Running)}
		}
		return []kafkaconnect.Task{task(0, kafkaconnect.Running), task(1, kafkaconnect.Running)}
	}
	worker.trouble = []answer{{http.StatusBadRequest, "no"}} // an outage does not end it
	worker.mu.Unlock()

	var log strings.Builder
	supervisor := kafkaconnect.NewSupervisor(client, slog.New(slog.NewTextHandler(&log, nil)))
	supervisor.Interval, supervisor.FirstDelay, supervisor.MostDelay = time.Millisecond, time.Millisecond, 4*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error)
	go func() { done <- supervisor.Run(ctx) }()
	await.Until(t, func() bool {
		worker.mu.Lock()
		defer worker.mu.Unlock()
		return len(worker.trouble) == 0 && kafkaconnect.Status{
			Connector: worker.connectors[statement.Name].state, Tasks: worker.connectors[statement.Name].tasks}.Runs()
	}, 30*time.Second, 5*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	const restart = "statement-postgres?includeTasks=true&onlyFailed=true"
	require.Equal(t, []string{restart, restart, restart}, worker.restarts)
	require.Contains(t, log.String(), "cannot watch the connectors")
	require.Contains(t, log.String(), "still gone")
}
