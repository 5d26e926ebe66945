package launch

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// connect is a worker of Kafka Connect. The stack has one; a test may add another.
type connect struct {
	stack *Stack
	// name is the name of its row. port is the port of its REST API.
	name    string
	port    int
	java    dist.Java
	lib     string
	plugins []string
}

func newConnect(s *Stack, name string, port int) *connect {
	return &connect{stack: s, name: name, port: port}
}

// listener is the address of its REST API, host:port.
func (c *connect) listener() string { return loopback(c.port) }

func (c *connect) folder() string { return filepath.Join(c.stack.dir, c.name) }

func (c *connect) spec() process.Spec {
	return process.Spec{
		Name:    c.name,
		Needs:   []string{Kafka, Registry, Postgres},
		Uses:    []string{Elasticsearch},
		Ports:   []int{c.port},
		Prepare: c.prepare,
		Command: c.command,
		Ready:   httpReady("http://" + c.listener() + "/connectors"),
	}
}

func (c *connect) prepare(ctx context.Context) error {
	var err error
	if c.java, err = dist.FindJava(ctx); err != nil {
		return err
	}
	if c.lib, err = c.stack.store.Kafka(ctx); err != nil {
		return err
	}
	c.plugins, err = c.stack.store.Plugins(ctx)
	return err
}

func (c *connect) command(ctx context.Context) (process.Command, error) {
	a := c.stack.addresses
	dir := c.folder()
	config := filepath.Join(dir, "connect.properties")
	err := render("connect.properties", config, struct{ Broker, Listener, Plugins, Secrets string }{
		a.Kafka(), c.listener(), strings.Join(c.plugins, ","), c.stack.connectSecrets(),
	})
	if err != nil {
		return process.Command{}, err
	}
	env, err := c.settings(ctx)
	if err != nil {
		return process.Command{}, err
	}
	machine, err := c.stack.kafkaJVM("512m")
	if err != nil {
		return process.Command{}, err
	}
	return process.Command{
		Path: c.java.Program("java"),
		Args: machine.arguments("-cp", filepath.Join(c.lib, "*"), "org.apache.kafka.connect.cli.ConnectDistributed", config),
		Env:  environment(env),
		Dir:  dir,
		How:  child.Options{Nice: c.stack.nice},
	}, nil
}

// variablePrefix begins the settings that connectors refer to as ${env:CODEBANK_…}. The others are files.
const variablePrefix = "CODEBANK_"

// settings returns the variables that connectors refer to as ${env:CODEBANK_…}, and writes the files to which
// they refer as ${dir:FOLDER:FILE}.
func (c *connect) settings(ctx context.Context) (map[string]string, error) {
	server, err := c.stack.database(ctx)
	if err != nil {
		return nil, err
	}
	a := c.stack.addresses
	settings := map[string]string{
		variablePrefix + "ELASTICSEARCH_URL": a.Elasticsearch(),
		variablePrefix + "KAFKA_BROKERS":     a.Kafka(),
		variablePrefix + "REGISTRY_URL":      a.RegistryConfluent(),
	}
	host := loopback(server.Port())
	for _, bank := range Banks() {
		settings[bank.SinkSecret("url")] = "jdbc:postgresql://" + host + "/" + bank.StatementDatabase
		settings[bank.SinkSecret("user")] = bank.role(sinkRole)
		settings[bank.SinkSecret("password")] = server.PasswordOf(bank.role(sinkRole))
	}
	c.stack.adjust(c.name, settings)
	for name, value := range settings {
		if strings.HasPrefix(name, variablePrefix) {
			continue
		}
		if err := c.stack.writeSecret(name, value); err != nil {
			return nil, err
		}
		delete(settings, name)
	}
	return settings, nil
}

// connectSecrets is the folder of what connectors use of one bank.
func (s *Stack) connectSecrets() string { return filepath.Join(s.dir, "secrets", "connectors") }

// writeSecret replaces a file of that folder at once, so that a task never reads a part of it.
func (s *Stack) writeSecret(name, value string) error {
	if err := os.MkdirAll(s.connectSecrets(), 0o700); err != nil {
		return err
	}
	part := filepath.Join(s.dir, "secrets", name+".part")
	if err := os.WriteFile(part, []byte(value), 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(s.connectSecrets(), name))
}

// ConnectWorker adds another worker of Kafka Connect to the same group. While it runs, it
// shares connectors and tasks with the stack's own worker. It is not started. name is unique in
// the stack, and port is the port of its REST API. It is stopped with the stack; [Stack.Remove]
// removes it.
func (s *Stack) ConnectWorker(ctx context.Context, name string, port int) (*process.Process, error) {
	worker := newConnect(s, name, port)
	if err := worker.prepare(ctx); err != nil {
		return nil, err
	}
	return s.group.Add(worker.spec()), nil
}
