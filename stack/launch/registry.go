package launch

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// registry is the schema registry. It keeps schemas and ids in a topic, so they survive its
// restart.
type registry struct {
	stack *Stack
	java  dist.Java
	home  string
}

func (r *registry) spec() process.Spec {
	a := r.stack.addresses
	return process.Spec{
		Name:    Registry,
		Needs:   []string{Kafka},
		Ports:   []int{a.port(registryPort), a.port(registryManagementPort)},
		Prepare: r.prepare,
		Command: r.command,
		Ready:   httpReady(a.url(registryManagementPort) + "/health/ready"),
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
		// It runs much code at the start and little later. The optimizing compiler would cost
		// more than it saves.
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
			// It waits for snapshots four times this long before it starts, and there are none.
			// The unit is milliseconds; the default is five seconds.
			"APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT": "500",
			"APICURIO_STORAGE_SNAPSHOT_LOCATION":      filepath.Join(dir, "tmp"),
		}),
		Dir: dir,
	}, nil
}
