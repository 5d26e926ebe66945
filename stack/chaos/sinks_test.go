package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codebank.dev/stack/pipes"
	"github.com/stretchr/testify/require"
)

// fakeConnect answers like Kafka Connect, with the given tasks of each sink.
func fakeConnect(t *testing.T, tasks map[string]string) *sinks {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Split(r.URL.Path, "/")[2]
		_, _ = fmt.Fprintf(w, `{"name": %q, "connector": {"state": "RUNNING", "worker_id": "a:1"}, "tasks": [%s]}`, name, tasks[name])
	}))
	t.Cleanup(server.Close)
	return &sinks{worker: pipes.Worker(server.URL)}
}

func TestTasksAreCountedByWorker(t *testing.T) {
	const here, there = `{"id": 0, "state": "RUNNING", "worker_id": "a:1"}`, `{"id": 1, "state": "RUNNING", "worker_id": "b:2"}`
	const gone = `{"id": 1, "state": "UNASSIGNED", "worker_id": "b:2"}`
	for name, tt := range map[string]struct {
		statement, index string
		on               map[string]int // nil if not all of them run
		home             bool
	}{
		"all on the first":            {here + "," + here, here, map[string]int{"a:1": 3}, true},
		"one moved":                   {here + "," + there, here, map[string]int{"a:1": 2, "b:2": 1}, false},
		"all moved":                   {there, there, map[string]int{"b:2": 2}, false},
		"one is unassigned":           {here + "," + gone, here, nil, false},
		"a sink has no tasks yet":     {here, "", nil, false},
		"a sink's only task is there": {here, there, map[string]int{"a:1": 1, "b:2": 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := fakeConnect(t, map[string]string{sinkNames[0]: tt.statement, sinkNames[1]: tt.index})
			at, err := s.tasksByWorker(t.Context())
			require.Equal(t, tt.on == nil, err != nil)
			require.Equal(t, tt.on, at)
			require.Equal(t, tt.home, s.allTasksOn("http://a:1")(t.Context()) == nil)
		})
	}
}
