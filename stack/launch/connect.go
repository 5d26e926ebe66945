package launch

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
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
func (c *connect) listener() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

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
	err := render("connect.properties", config, struct{ Broker, Listener, Plugins string }{
		a.Kafka(), c.listener(), strings.Join(c.plugins, ","),
	})
	if err != nil {
		return process.Command{}, err
	}
	env, err := c.environment(ctx)
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

// environment returns the variables that connector files refer to as ${env:CODEBANK_…}.
func (c *connect) environment(ctx context.Context) (map[string]string, error) {
	server, err := c.stack.database(ctx)
	if err != nil {
		return nil, err
	}
	a := c.stack.addresses
	host := "127.0.0.1:" + strconv.Itoa(server.Port())
	env := map[string]string{
		"CODEBANK_STATEMENT_JDBC_URL":    "jdbc:postgresql://" + host + "/" + StatementDatabase,
		"CODEBANK_STATEMENT_DB_USER":     sinkRole,
		"CODEBANK_STATEMENT_DB_PASSWORD": server.PasswordOf(sinkRole),
		"CODEBANK_ELASTICSEARCH_URL":     a.Elasticsearch(),
		"CODEBANK_KAFKA_BROKERS":         a.Kafka(),
		"CODEBANK_REGISTRY_URL":          a.RegistryConfluent(),
	}
	c.stack.adjust(c.name, env)
	return env, nil
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
