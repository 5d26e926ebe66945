package launch

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// registry is the schema registry. It keeps schemas and their ids in a topic,
// so that they outlive it.
type registry struct {
	stack *Stack
	java  dist.Java
	home  string
}

func newRegistry(s *Stack) *registry { return &registry{stack: s} }

func (r *registry) spec() process.Spec {
	a := r.stack.addresses
	return process.Spec{
		Name:    Registry,
		Needs:   []string{Kafka},
		Ports:   []int{a.port(registryPort), a.port(registryManagementPort)},
		Prepare: r.prepare,
		Command: r.command,
		Ready:   answers(a.url(registryManagementPort) + "/health/ready"),
	}
}

func (r *registry) prepare(ctx context.Context) error {
	var err error
	if r.java, err = dist.FindJava(ctx); err != nil {
		return err
	}
	r.home, err = r.stack.store.Registry(ctx)
	return err
}

func (r *registry) command(context.Context) (process.Command, error) {
	dir := filepath.Join(r.stack.dir, "registry")
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o755); err != nil {
		return process.Command{}, err
	}
	a := r.stack.addresses
	machine := jvm{heapMax: "384m", temp: filepath.Join(dir, "tmp"), options: []string{
		// It starts much and then does little: what the best compiler would gain is
		// less than what it takes.
		"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC",
	}}
	return process.Command{
		Path: r.java.Program("java"),
		Args: machine.arguments("-jar", filepath.Join(r.home, "quarkus-run.jar")),
		Env: environment(map[string]string{
			"QUARKUS_HTTP_HOST":                   "127.0.0.1",
			"QUARKUS_HTTP_PORT":                   strconv.Itoa(a.port(registryPort)),
			"QUARKUS_MANAGEMENT_HOST":             "127.0.0.1",
			"QUARKUS_MANAGEMENT_PORT":             strconv.Itoa(a.port(registryManagementPort)),
			"APICURIO_STORAGE_KIND":               "kafkasql",
			"APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": a.Kafka(),
			// It looks for snapshots, of which there are none, for four times this long
			// (in milliseconds; five seconds by default) before it starts.
			"APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "500",
			"APICURIO_STORAGE_SNAPSHOT_LOCATION":      filepath.Join(dir, "tmp"),
		}),
		Dir: dir,
	}, nil
}
