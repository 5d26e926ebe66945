package main

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	programs "os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"codebank.dev/operations/kibana/kibanatest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"bankctl": main})
}

// TestAFullDeviceFailsTheProgram runs the program itself: its standard output is a device without space.
func TestAFullDeviceFailsTheProgram(t *testing.T) {
	device, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer device.Close()
	program, err := os.Executable()
	require.NoError(t, err)
	var stderr strings.Builder
	command := programs.CommandContext(t.Context(), program)
	command.Args = []string{"bankctl", "seed", "history", "--plan", "--end", "2026-11-01"}
	command.Stdout, command.Stderr = device, &stderr
	require.Error(t, command.Run())
	require.Equal(t, exitFailed, command.ProcessState.ExitCode())
	require.Contains(t, stderr.String(), "bankctl: the results cannot be written to standard output: write /dev/stdout: no space left on device")
}

// TestScripts runs testdata/script: what an operator types, sees and gets as a status.
// Each script has a pipeline of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return pipeline(t, env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status,
			"put":    put,
			"lost":   lost,
			"refuse": refuse,
			"allow":  allow,
		},
	})
}

// status runs bankctl and asserts the status it ends with: status N args...
func status(ts *testscript.TestScript, _ bool, args []string) {
	var stdout, stderr strings.Builder
	got := runIn(ts, args[1:], streams{out: &stdout, err: &stderr})
	_, _ = ts.Stdout().Write([]byte(stdout.String()))
	_, _ = ts.Stderr().Write([]byte(stderr.String()))
	if args[0] != string(rune('0'+got)) {
		ts.Fatalf("status %d, want %s\n%s%s", got, args[0], stdout.String(), stderr.String())
	}
}

// runIn runs bankctl in the environment of a script and returns the status it ends with.
func runIn(ts *testscript.TestScript, args []string, streams streams) int {
	environ := []string{}
	for _, name := range []string{
		"BANKCTL_KAFKA_BROKERS", "BANKCTL_REGISTRY_URL", "BANKCTL_CONNECT_URL", "BANKCTL_ELASTICSEARCH_URL", "BANKCTL_KIBANA_URL",
	} {
		environ = append(environ, name+"="+ts.Getenv(name))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return run(ctx, args, environ, streams)
}

// full is a device without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// lost runs bankctl with an output that cannot be written, and asserts that it fails and says so once: lost args...
func lost(ts *testscript.TestScript, _ bool, args []string) {
	var stderr strings.Builder
	got := runIn(ts, args, streams{out: full{}, err: &stderr})
	if got != exitFailed || strings.Count(stderr.String(), syscall.ENOSPC.Error()) != 1 {
		ts.Fatalf("status %d, want 1 and one message\n%s", got, stderr.String())
	}
}

// pipeline starts what bankctl works on and puts the addresses into the environment.
func pipeline(t *testing.T, env *testscript.Env) error {
	brokers, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		return err
	}
	env.Defer(brokers.Close)
	registry := srfake.New()
	env.Defer(registry.Close)
	connect := serveHTTP(env, (&worker{connectors: map[string]map[string]string{}}).ServeHTTP)
	search := serveHTTP(env, (&search{templates: map[string]json.RawMessage{}}).ServeHTTP)
	env.Setenv("BANKCTL_KAFKA_BROKERS", strings.Join(brokers.ListenAddrs(), ","))
	env.Setenv("BANKCTL_REGISTRY_URL", registry.URL())
	env.Setenv("BANKCTL_CONNECT_URL", connect)
	env.Setenv("BANKCTL_ELASTICSEARCH_URL", search)
	folder, err := filepath.Abs("../../../dashboards")
	if err != nil {
		return err
	}
	env.Setenv("DASHBOARDS", folder)
	dashboards := kibanatest.New()
	env.Values[kibanaKey{}] = dashboards
	env.Setenv("BANKCTL_KIBANA_URL", serveHTTP(env, dashboards.ServeHTTP))
	return nil
}

// kibanaKey is the key of a script's Kibana.
type kibanaKey struct{}

// refuse lets the script's Kibana refuse objects: refuse OBJECT reads|writes|” STATUS MESSAGE.
func refuse(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Value(kibanaKey{}).(*kibanatest.Kibana).Refuse(kibanatest.Refusal{Of: args[0], On: args[1], Status: status, Message: args[3]})
}

// allow lets the script's Kibana refuse nothing more.
func allow(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Value(kibanaKey{}).(*kibanatest.Kibana).Allow()
}

func serveHTTP(env *testscript.Env, handler http.HandlerFunc) string {
	server := httptest.NewServer(handler)
	env.Defer(server.Close)
	return server.URL
}

// put produces a dead letter: put TOPIC KEY VALUE ORIGIN-TOPIC ORIGIN-OFFSET. The value is framed
// as an event, unless it begins with an exclamation mark.
func put(ts *testscript.TestScript, _ bool, args []string) {
	value := []byte("\x00\x00\x00\x00\x01" + args[2])
	if text, ok := strings.CutPrefix(args[2], "!"); ok {
		value = []byte(text)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(ts.Getenv("BANKCTL_KAFKA_BROKERS"), ",")...))
	ts.Check(err)
	defer client.Close()
	record := &kgo.Record{Topic: args[0], Key: []byte(args[1]), Value: value}
	for header, text := range map[string]string{
		"topic": args[3], "partition": "2", "offset": args[4], "stage": "VALUE_CONVERTER",
		"exception.class.name": "org.apache.kafka.connect.errors.DataException", "exception.message": "cannot read it",
	} {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "__connect.errors." + header, Value: []byte(text)})
	}
	ts.Check(client.ProduceSync(context.Background(), record).FirstErr())
}

// worker is as much of a Connect worker as the scripts need. A connector whose
// batch.size is "fail" has a failed task until it is restarted.
type worker struct {
	mu         sync.Mutex
	connectors map[string]map[string]string
	restarted  bool
}

func (w *worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) == 1 {
		all := map[string]any{}
		for name := range w.connectors {
			all[name] = map[string]any{"status": w.status(name)}
		}
		answer(rw, http.StatusOK, all)
		return
	}
	name := parts[1]
	config, there := w.connectors[name]
	switch {
	case r.Method == http.MethodPut:
		config = map[string]string{}
		_ = json.NewDecoder(r.Body).Decode(&config)
		config["name"] = name
		w.connectors[name] = config
		answer(rw, http.StatusCreated, config)
	case !there:
		answer(rw, http.StatusNotFound, map[string]string{"message": "Connector " + name + " not found"})
	case len(parts) == 2:
		answer(rw, http.StatusOK, map[string]any{"name": name, "tasks": w.status(name)["tasks"]})
	case parts[2] == "restart":
		w.restarted = true
		answer(rw, http.StatusAccepted, w.status(name))
	case parts[2] == "config":
		answer(rw, http.StatusOK, config)
	default:
		answer(rw, http.StatusOK, w.status(name))
	}
}

func (w *worker) status(name string) map[string]any {
	task := map[string]any{"id": 0, "state": "RUNNING", "worker_id": "worker:1"}
	if w.connectors[name]["batch.size"] == "fail" && !w.restarted {
		task["state"], task["trace"] = "FAILED", "org.Broken: no\n\tat x.Y\nCaused by: java.Why: because\n"
	}
	return map[string]any{
		"name": name, "type": "sink", "tasks": []any{task},
		"connector": map[string]any{"state": "RUNNING", "worker_id": "worker:1"},
	}
}

// search is as much of Elasticsearch as the scripts need: it holds templates, and the
// indices it was made with.
type search struct {
	mu        sync.Mutex
	templates map[string]json.RawMessage
	indices   map[string]*heldIndex
}

type heldIndex struct {
	Mappings map[string]any `json:"mappings"`
	Aliases  map[string]any `json:"aliases"`
}

func (s *search) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("X-Elastic-Product", "Elasticsearch") // Its client refuses a server that does not say so.
	name := path.Base(r.URL.Path)
	template, there := s.templates[name]
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	held := s.indices[parts[0]]
	switch {
	case held != nil && r.Method == http.MethodPut && parts[1] == "_mapping":
		_ = json.NewDecoder(r.Body).Decode(&held.Mappings)
		answer(w, http.StatusOK, map[string]bool{"acknowledged": true})
	case held != nil && r.Method == http.MethodPut && parts[1] == "_aliases":
		held.Aliases[parts[2]] = map[string]any{}
		answer(w, http.StatusOK, map[string]bool{"acknowledged": true})
	case len(parts) == 1 && !strings.HasPrefix(parts[0], "_"):
		found := maps.Clone(s.indices)
		maps.DeleteFunc(found, func(index string, _ *heldIndex) bool {
			matched, err := path.Match(parts[0], index)
			return err != nil || !matched
		})
		answer(w, http.StatusOK, found)
	case r.URL.Path == "/_msearch":
		// Of every search, and of every filter in it: seven documents. Nothing else is known of them.
		responses := []any{}
		for queries := json.NewDecoder(r.Body); ; {
			var header, body struct{ Aggs map[string]map[string]any }
			if queries.Decode(&header) != nil || queries.Decode(&body) != nil {
				break
			}
			responses = append(responses, map[string]any{
				"_shards": map[string]int{"total": 1}, "hits": map[string]any{"total": map[string]int{"value": 7}},
				"aggregations": filtered(body.Aggs),
			})
		}
		answer(w, http.StatusOK, map[string]any{"responses": responses})
	case !strings.HasPrefix(r.URL.Path, "/_index_template/"):
		answer(w, http.StatusOK, map[string]any{})
	case r.Method == http.MethodPut:
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.templates[name] = body
		answer(w, http.StatusOK, map[string]bool{"acknowledged": true})
	case !there:
		answer(w, http.StatusNotFound, map[string]any{})
	default:
		answer(w, http.StatusOK, template)
	}
}

// filtered answers those aggregations that are filters.
func filtered(aggregations map[string]map[string]any) map[string]any {
	answers := map[string]any{}
	for name, aggregation := range aggregations {
		if aggregation["filter"] != nil {
			answers[name] = map[string]int{"doc_count": 7}
		}
	}
	return answers
}

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
