package launch

import (
	"context"
	"fmt"
	"io"

	"codebank.dev/native/postgres"
)

// target is a kind of database that bankctl migrates.
type target struct {
	// name is what bankctl calls it; its address is the setting NAME-database-url.
	name string
	// database is the one that the stack's own programs use.
	database string
	// owner is the role that owns the database and migrates it. service is the role of the program.
	owner, service string
}

var targets = []target{
	{name: "ledger", database: LedgerDatabase, owner: "bank", service: "bank_service"},
	{name: "statement", database: StatementDatabase, owner: "statement", service: "statement_service"},
	{name: "checkout", database: CheckoutDatabase, owner: "checkout", service: "checkout_service"},
	{name: "identity", database: IdentityDatabase, owner: "identity", service: "identity_service"},
	{name: "gateway", database: GatewayDatabase, owner: "gateway", service: "gateway_service"},
}

// roles are the roles that sign in to the databases, beside the owners and the services, each with
// its attributes.
var roles = map[string][]string{
	"bank_operator": nil,
	"auditor":       nil,
	// Row-level security does not let COPY in, so the sink bypasses it.
	sinkRole: {"BYPASSRLS"},
}

// sinkRole is the role of the sink that writes the statement.
const sinkRole = "statement_sink"

// createDatabases creates the roles and the databases. Those of an earlier stack stay as they are,
// with these owners.
func (s *Stack) createDatabases(ctx context.Context, _ io.Writer) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	for role, attributes := range roles {
		if err := server.CreateRole(ctx, role, attributes...); err != nil {
			return err
		}
	}
	for _, t := range targets {
		if err := server.CreateRole(ctx, t.service); err != nil {
			return err
		}
		if err := server.CreateRole(ctx, t.owner); err != nil {
			return err
		}
		if err := t.create(ctx, server, t.database); err != nil {
			return err
		}
	}
	// The check for gaps must see when the transactions of the sink began.
	return server.GrantRole(ctx, "pg_read_all_stats", "statement_service")
}

// create creates a database that belongs to the owner.
func (t *target) create(ctx context.Context, server *postgres.Server, database string) error {
	if err := server.CreateDatabase(ctx, database); err != nil {
		return err
	}
	return server.GiveDatabase(ctx, database, t.owner)
}

// migrateDatabases brings the stack's databases to the schema of the programs.
func (s *Stack) migrateDatabases(ctx context.Context, log io.Writer) error {
	if !hasSources(s.Root(), "bankctl") {
		return nil
	}
	for _, t := range targets {
		if err := s.migrate(ctx, log, t, t.database, BankCode); err != nil {
			return err
		}
	}
	return nil
}

// migrate runs bankctl on one database, as its owner.
func (s *Stack) migrate(ctx context.Context, log io.Writer, t target, database, bankCode string) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	cmd := s.program("bankctl", "migrate", t.name)
	cmd.Env = environment(variables("bankctl", map[string]string{
		t.name + "-database-url": server.URLOf(t.owner, database), "bank-code": bankCode,
	}))
	return runProgram(ctx, cmd, log)
}

// AddDatabase creates and migrates another database for copies of a program, and returns its address
// for the program's role. kind is ledger, statement or checkout; bankCode is the bank's that it belongs
// to. An existing database is kept. It works while the database server runs and once the programs are
// built.
func (s *Stack) AddDatabase(ctx context.Context, kind, database, bankCode string) (url string, err error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	for _, t := range targets {
		if t.name != kind {
			continue
		}
		if err := t.create(ctx, server, database); err != nil {
			return "", err
		}
		return server.URLOf(t.service, database), s.migrate(ctx, s.out, t, database, bankCode)
	}
	return "", fmt.Errorf("there is no kind of database %s", kind)
}

// urlOf is the address of one of the stack's databases for a role.
func (s *Stack) urlOf(ctx context.Context, role, database string) (string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	return server.URLOf(role, database), nil
}
