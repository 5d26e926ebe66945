package launch

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"

	"codebank.dev/native/child"
	"codebank.dev/native/postgres"
	"codebank.dev/native/process"
)

// table is the system, row by row. The services need only their database: they
// start, and the bank decides, while broker and registry are still on their way
// or gone. What is slow to start or to fetch stands first.
func (s *Stack) table() {
	s.group.Add(s.postgresSpec())
	s.group.Add(newKafka(s).spec())
	s.group.Add(newElasticsearch(s).spec())
	s.group.Add(newRegistry(s).spec())
	s.group.Add(newConnect(s, Connect, s.addresses.port(connectPort)).spec())
	s.group.Add(process.Spec{Name: Databases, Needs: []string{Postgres}, Task: s.createDatabases})
	if !hasAnyProgram(s.Root()) {
		return
	}
	s.group.Add(process.Spec{Name: Programs, Task: func(ctx context.Context, _ io.Writer) error {
		return build(ctx, s.Root())
	}})
	s.group.Add(process.Spec{Name: Keys, Needs: []string{Programs}, Task: s.makeKeys})
	a := s.addresses
	for _, service := range []service{
		{name: Bank, program: "bank", grpc: a.port(bankGRPC), http: a.port(bankHTTP)},
		{name: Statement, program: "statement", grpc: a.port(statementGRPC), http: a.port(statementHTTP)},
		{name: Checkout, program: "checkout", grpc: a.port(checkoutGRPC), http: a.port(checkoutHTTP)},
	} {
		if hasProgram(s.Root(), service.program) {
			s.group.Add(s.serviceSpec(service))
		}
	}
	if hasProgram(s.Root(), "bankctl") {
		needs := []string{Kafka, Registry, Connect, Elasticsearch, Databases, Programs}
		// The sink writes to tables that the statement service makes.
		if s.Process(Statement) != nil {
			needs = append(needs, Statement)
		}
		s.group.Add(process.Spec{Name: Apply, Needs: needs, Task: s.apply})
		s.group.Add(process.Spec{Name: Watch, Needs: []string{Apply}, Command: s.watchCommand})
	}
}

func (s *Stack) postgresSpec() process.Spec {
	return process.Spec{
		Name:  Postgres,
		Ports: []int{s.addresses.port(postgresPort)},
		Prepare: func(ctx context.Context) error {
			_, err := s.database(ctx)
			return err
		},
		Command: func(ctx context.Context) (process.Command, error) {
			server, err := s.database(ctx)
			if err != nil {
				return process.Command{}, err
			}
			if err := server.AwaitPredecessor(ctx); err != nil {
				return process.Command{}, err
			}
			cmd, how := server.Command()
			return process.Command{Path: cmd.Path, Args: cmd.Args[1:], Env: cmd.Env, Dir: cmd.Dir, How: how}, nil
		},
		Ready: func(ctx context.Context) error {
			server, err := s.database(ctx)
			if err != nil {
				return err
			}
			return server.Ping(ctx)
		},
		StopSignal: postgres.StopSignal,
	}
}

// database returns the prepared database server, and prepares it the first time.
func (s *Stack) database(ctx context.Context) (*postgres.Server, error) {
	if server := s.server.Load(); server != nil {
		return server, nil
	}
	server, err := postgres.Prepare(ctx, postgres.Options{
		Dir:      s.postgresDir(),
		Port:     s.addresses.port(postgresPort),
		Progress: func(message string) { s.say(Postgres, message) },
		// Room for the ledger's indexes. Nothing here makes a commit less durable.
		Settings: databaseSettings(),
	})
	if err != nil {
		return nil, err
	}
	s.server.Store(server)
	return server, nil
}

func databaseSettings() map[string]string {
	settings := map[string]string{
		"shared_buffers": "512MB",
		// After a crash the server repeats what it logged since its last complete checkpoint
		// began, some 160 MB a second, and nobody is answered before. A minute of ten times
		// the load logs a gigabyte, so by time: 45 s at most have to be repeated.
		// By size it would be harder on a large ledger, which logs a page of its indexes
		// whole at the first change after each checkpoint.
		"checkpoint_timeout": "30s", "checkpoint_completion_target": "0.5",
		"max_wal_size": "4GB", "min_wal_size": "1GB",
	}
	if runtime.GOOS == "linux" {
		// After a crash the whole file system is flushed at once, not file by file.
		settings["recovery_init_sync_method"] = "syncfs"
	}
	return settings
}

func (s *Stack) postgresDir() string { return filepath.Join(s.dir, "postgres") }

func (s *Stack) createDatabases(ctx context.Context, _ io.Writer) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	for _, name := range []string{LedgerDatabase, StatementDatabase, CheckoutDatabase} {
		if err := server.CreateDatabase(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// DatabaseURL is the address of one of the databases, with the password in it.
// It works while the database server runs.
func (s *Stack) DatabaseURL(ctx context.Context, database string) (string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	return server.URL(database), nil
}

// CreateDatabase makes an empty database beside those of the services, if there is
// none of that name. It works while the database server runs.
func (s *Stack) CreateDatabase(ctx context.Context, name string) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	return server.CreateDatabase(ctx, name)
}

// giveWay is how much the processes that only follow the ledger give way when it comes
// first (child.Options).
const giveWay = 10

// program is a command that runs one of the programs of this repository.
func (s *Stack) program(name string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(binaries(s.Root()), name), args...)
}

// runProgram runs a program to its end, with its output in the log.
func runProgram(ctx context.Context, cmd *exec.Cmd, log io.Writer) error {
	cmd.Stdout, cmd.Stderr = log, log
	return child.Run(ctx, cmd, child.Options{})
}
