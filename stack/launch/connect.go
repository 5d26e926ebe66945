package launch

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"codebank.dev/stack/child"
	"codebank.dev/stack/dist"
	"codebank.dev/stack/postgres"
	"codebank.dev/stack/process"
)

// connect is the one worker of Kafka Connect.
type connect struct {
	stack   *Stack
	java    dist.Java
	lib     string
	plugins []string
}

func newConnect(s *Stack) *connect { return &connect{stack: s} }

func (c *connect) spec() process.Spec {
	return process.Spec{
		Name:    Connect,
		Needs:   []string{Kafka, Registry, Postgres},
		Uses:    []string{Elasticsearch},
		Ports:   []int{c.stack.addresses.port(connectPort)},
		Prepare: c.prepare,
		Command: c.command,
		Ready:   answers(c.stack.addresses.Connect() + "/connectors"),
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
	dir := filepath.Join(c.stack.dir, "connect")
	config := filepath.Join(dir, "connect.properties")
	err := render("connect.properties", config, struct{ Broker, Listener, Plugins string }{
		a.Kafka(), a.host(connectPort), strings.Join(c.plugins, ","),
	})
	if err != nil {
		return process.Command{}, err
	}
	env, err := c.environment(ctx)
	if err != nil {
		return process.Command{}, err
	}
	machine, err := c.stack.kafkaMachine("512m")
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

// environment is what connector files refer to as ${env:CODEBANK_…}.
func (c *connect) environment(ctx context.Context) (map[string]string, error) {
	server, err := c.stack.database(ctx)
	if err != nil {
		return nil, err
	}
	a := c.stack.addresses
	host := "127.0.0.1:" + strconv.Itoa(server.Port())
	env := map[string]string{
		"CODEBANK_STATEMENT_JDBC_URL":    "jdbc:postgresql://" + host + "/" + StatementDatabase,
		"CODEBANK_STATEMENT_DB_USER":     postgres.User,
		"CODEBANK_STATEMENT_DB_PASSWORD": server.Password(),
		"CODEBANK_ELASTICSEARCH_URL":     a.Elasticsearch(),
		"CODEBANK_KAFKA_BROKERS":         a.Kafka(),
		"CODEBANK_REGISTRY_URL":          a.RegistryConfluent(),
	}
	c.stack.adjust(Connect, env)
	return env, nil
}
