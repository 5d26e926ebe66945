package kafkaconnect_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/kafkaconnect"
)

// worker is a Connect worker as its REST interface documents it.
type worker struct {
	mu         sync.Mutex
	connectors map[string]*running
	puts       []string // names, in the order of PUT
	restarts   []string // name and query, in the order of POST
	trouble    []answer // given first, one a request
	// tasks decides how the tasks of a connector are after a PUT or restart.
	tasks func(name string, config map[string]string) []kafkaconnect.Task
}

type answer struct {
	status  int
	message string
}

type running struct {
	config map[string]string
	state  kafkaconnect.State
	tasks  []kafkaconnect.Task
	// unheard is how many reads of the status still lack the last task.
	unheard int
	// stale is how many reads still return the status from before the last change.
	stale  int
	before []kafkaconnect.Task
}

func newWorker(t *testing.T) (*worker, *kafkaconnect.Client) {
	t.Helper()
	w := &worker{connectors: map[string]*running{}, tasks: func(string, map[string]string) []kafkaconnect.Task {
		return []kafkaconnect.Task{task(0, kafkaconnect.Running), task(1, kafkaconnect.Running)}
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connectors", w.list)
	mux.HandleFunc("GET /connectors/{name}", w.connector)
	mux.HandleFunc("GET /connectors/{name}/config", w.config)
	mux.HandleFunc("PUT /connectors/{name}/config", w.put)
	mux.HandleFunc("GET /connectors/{name}/status", w.status)
	mux.HandleFunc("POST /connectors/{name}/restart", w.restart)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.trouble) > 0 {
			refuse(rw, w.trouble[0])
			w.trouble = w.trouble[1:]
			return
		}
		mux.ServeHTTP(rw, r)
	}))
	t.Cleanup(server.Close)
	client, err := kafkaconnect.New(server.URL+"/", nil)
	require.NoError(t, err)
	return w, client
}

func task(id int, state string) kafkaconnect.Task {
	return kafkaconnect.Task{ID: id, State: kafkaconnect.State{State: state, WorkerID: "127.0.0.1:17925"}}
}

func failed(id int, trace string) kafkaconnect.Task {
	t := task(id, kafkaconnect.Failed)
	t.Trace = trace
	return t
}

func refuse(w http.ResponseWriter, a answer) {
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error_code": a.status, "message": a.message})
}

// known returns the connector of a request, or answers that there is none.
func (w *worker) known(rw http.ResponseWriter, r *http.Request) *running {
	c := w.connectors[r.PathValue("name")]
	if c == nil {
		refuse(rw, answer{http.StatusNotFound, "Connector " + r.PathValue("name") + " not found"})
	}
	return c
}

func (w *worker) list(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("expand") != "status" {
		names := []string{}
		for name := range w.connectors {
			names = append(names, name)
		}
		_ = json.NewEncoder(rw).Encode(names)
		return
	}
	expanded := map[string]any{}
	for name, c := range w.connectors {
		expanded[name] = map[string]any{"status": c.report(name)}
	}
	_ = json.NewEncoder(rw).Encode(expanded)
}

func (w *worker) connector(rw http.ResponseWriter, r *http.Request) {
	if c := w.known(rw, r); c != nil {
		_ = json.NewEncoder(rw).Encode(map[string]any{"name": r.PathValue("name"), "config": c.config, "tasks": c.tasks})
	}
}

func (w *worker) config(rw http.ResponseWriter, r *http.Request) {
	if c := w.known(rw, r); c != nil {
		_ = json.NewEncoder(rw).Encode(c.config)
	}
}

func (w *worker) put(rw http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	config := map[string]string{}
	_ = json.NewDecoder(r.Body).Decode(&config)
	if config["connector.class"] == "" {
		refuse(rw, answer{http.StatusBadRequest, "Connector configuration is invalid: missing connector.class"})
		return
	}
	config["name"] = name
	w.puts = append(w.puts, name)
	c := w.connectors[name]
	if c == nil {
		rw.WriteHeader(http.StatusCreated)
		c = &running{unheard: 2}
		w.connectors[name] = c
	} else {
		c.before, c.stale = c.tasks, 2
	}
	c.config = config
	c.state = kafkaconnect.State{State: kafkaconnect.Running, WorkerID: "127.0.0.1:17925"}
	c.tasks = w.tasks(name, config)
	_ = json.NewEncoder(rw).Encode(map[string]any{"name": name, "config": config})
}

func (w *worker) status(rw http.ResponseWriter, r *http.Request) {
	if c := w.known(rw, r); c != nil {
		_ = json.NewEncoder(rw).Encode(c.report(r.PathValue("name")))
	}
}

func (c *running) report(name string) kafkaconnect.Status {
	status := kafkaconnect.Status{Name: name, Type: "sink", Connector: c.state, Tasks: c.tasks}
	if c.unheard > 0 {
		c.unheard--
		status.Tasks = c.tasks[:len(c.tasks)-1]
	}
	if c.stale > 0 {
		c.stale--
		status.Tasks = c.before
	}
	return status
}

func (w *worker) restart(rw http.ResponseWriter, r *http.Request) {
	c := w.known(rw, r)
	if c == nil {
		return
	}
	name := r.PathValue("name")
	w.restarts = append(w.restarts, name+"?"+r.URL.RawQuery)
	c.tasks = w.tasks(name, c.config)
	rw.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(rw).Encode(c.report(name))
}
