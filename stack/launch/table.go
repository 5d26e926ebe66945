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

// addRows adds the rows of the system. The services need only their database, so they start,
// and the bank decides, while the broker and the registry are starting or down. The parts that
// take longest to fetch or start come first.
func (s *Stack) addRows() {
	s.group.Add(s.postgresSpec())
	s.group.Add((&kafka{stack: s}).spec())
	s.group.Add((&elasticsearch{stack: s}).spec())
	s.group.Add((&registry{stack: s}).spec())
	s.group.Add(newConnect(s, Connect, s.addresses.port(connectPort)).spec())
	s.group.Add(process.Spec{Name: Databases, Needs: []string{Postgres}, Task: s.createDatabases})
	if !hasAnySources(s.Root()) {
		return
	}
	s.group.Add(process.Spec{Name: Programs, Task: func(ctx context.Context, _ io.Writer) error {
		return build(ctx, s.Root())
	}})
	s.group.Add(process.Spec{Name: Migrations, Needs: []string{Databases, Programs}, Task: s.migrateDatabases})
	s.group.Add(process.Spec{Name: Certificates, Task: s.makeCertificates})
	s.group.Add(process.Spec{Name: Mail, Ports: []int{s.addresses.port(mailPort)}, Task: s.serveMail})
	s.group.Add(process.Spec{Name: Keys, Needs: []string{Programs}, Task: s.makeKeys})
	for _, service := range s.services() {
		if hasSources(s.Root(), service.program) {
			s.group.Add(s.serviceSpec(service))
		}
	}
	if a := s.addresses; hasSources(s.Root(), "bankctl") {
		needs := []string{Kafka, Registry, Connect, Elasticsearch, Databases, Programs}
		// The sinks write to tables that the statement services make.
		for _, bank := range Banks() {
			needs = append(needs, s.present(bank.Statement)...)
		}
		s.group.Add(process.Spec{Name: Apply, Needs: needs, Task: s.apply})
		s.group.Add(process.Spec{Name: ConnectorsWatch, Needs: []string{Apply}, Command: s.connectorsWatchCommand})
		s.group.Add(process.Spec{
			Name: Dashboards, Needs: []string{Elasticsearch, Programs}, Ports: []int{a.port(dashboardsPort)}, Command: s.dashboardsCommand,
			Ready: httpReady(a.Dashboards() + "/readyz"),
		})
	}
}

// services lists the programs of the banks, and those that serve all of them or the first one.
func (s *Stack) services() []service {
	a := s.addresses
	list := []service{
		{name: Identity, program: "identity", bank: first, grpc: a.port(identityGRPC), http: a.port(identityHTTP)},
		{name: CodePix, program: "codepix", bank: first, grpc: a.port(codePixGRPC), http: a.port(codePixHTTP)},
	}
	for _, bank := range Banks() {
		list = append(list,
			service{name: bank.Bank, program: "bank", bank: bank, grpc: a.port(bank.bankGRPC), http: a.port(bank.bankHTTP)},
			service{name: bank.Statement, program: "statement", bank: bank, grpc: a.port(bank.statementGRPC), http: a.port(bank.statementHTTP)},
			service{name: bank.Banking(), program: Banking, bank: bank, http: a.port(bank.bankingHTTP), pages: true})
	}
	return append(list,
		service{name: Checkout, program: "checkout", bank: first, grpc: a.port(checkoutGRPC), http: a.port(checkoutHTTP)},
		service{name: Gateway, program: "gateway", bank: first, http: a.port(gatewayHTTP)},
		service{name: PaymentGateway, program: "payment-gateway", bank: first, http: a.port(paymentsHTTP)},
		service{name: Processor, program: "payment-processor", bank: first, http: a.port(processorHTTP)})
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

// database returns the database server. The first call prepares it.
func (s *Stack) database(ctx context.Context) (*postgres.Server, error) {
	if server := s.server.Load(); server != nil {
		return server, nil
	}
	server, err := postgres.Prepare(ctx, postgres.Options{
		Dir:      s.postgresDir(),
		Port:     s.addresses.port(postgresPort),
		Progress: func(message string) { s.printProgress(Postgres, message) },
		// These give the ledger's indexes enough memory. No setting makes a commit less
		// durable.
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
		// After a crash the server replays its log since the start of the last complete
		// checkpoint, about 160 MB a second, and answers nobody before it has finished. A
		// minute of ten times the load logs a gigabyte. So checkpoints are timed: at most 45 s
		// of log must be replayed. A limit by size would cost a large ledger more, because it
		// logs whole pages of its indexes at their first change after each checkpoint.
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

// DatabaseURL is the address of a database for the administrator of the server, including the
// password. It works while the database server runs.
func (s *Stack) DatabaseURL(ctx context.Context, database string) (string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	return server.URL(database), nil
}

// CreateDatabase creates an empty database unless it exists. It works while the database server
// runs.
func (s *Stack) CreateDatabase(ctx context.Context, name string) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	return server.CreateDatabase(ctx, name)
}

// followerNice is the niceness of the processes that only follow the ledger, with LedgerFirst
// (see child.Options).
const followerNice = 10

// program returns the command that runs a program of this repository.
func (s *Stack) program(name string, args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(binariesDir(s.Root()), name), args...)
}

// runProgram runs a program to its end and writes its output to the log.
func runProgram(ctx context.Context, cmd *exec.Cmd, log io.Writer) error {
	cmd.Stdout, cmd.Stderr = log, log
	return child.Run(ctx, cmd, child.Options{})
}
