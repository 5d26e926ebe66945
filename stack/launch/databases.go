package launch

import (
	"context"
	"fmt"
	"io"

	"codebank.dev/native/postgres"
)

// target is a database that bankctl migrates.
type target struct {
	// name is what bankctl calls its kind; its address is the setting NAME-database-url.
	name string
	// database is the one that the stack's own programs use.
	database string
	// bank is the bank that it belongs to; the first bank for a database of a program that serves all banks.
	bank Institution
	// owner is the role that owns the database and migrates it. service is the role of the program. Those of
	// another bank than the first end with its code.
	owner, service string
}

// targets lists the databases of the programs whose sources exist.
func (s *Stack) targets() []target {
	var list []target
	for _, bank := range Banks() {
		list = append(list,
			target{name: "ledger", database: bank.LedgerDatabase, bank: bank, owner: bank.role("bank"), service: bank.role("bank_service")},
			target{name: "statement", database: bank.StatementDatabase, bank: bank, owner: bank.role("statement"), service: bank.role("statement_service")})
	}
	list = append(list,
		target{name: "checkout", database: CheckoutDatabase, bank: first, owner: "checkout", service: "checkout_service"},
		target{name: "identity", database: IdentityDatabase, bank: first, owner: "identity", service: "identity_service"},
		target{name: "gateway", database: GatewayDatabase, bank: first, owner: "gateway", service: "gateway_service"})
	if hasSources(s.Root(), "codepix") {
		list = append(list, target{name: "codepix", database: CodePixDatabase, bank: first, owner: "codepix", service: "codepix_service"})
	}
	return list
}

// roles returns the roles that sign in to the databases, beside the owners and the services, each with
// its attributes.
func roles() map[string][]string {
	all := map[string][]string{
		// The payment gateway and its processor work on checkout's database.
		"payment_gateway_service":   nil,
		"payment_processor_service": nil,
	}
	for _, bank := range Banks() {
		all[bank.role("bank_operator")], all[bank.role("auditor")] = nil, nil
		// Row-level security does not let COPY in, so the sink bypasses it.
		all[bank.role(sinkRole)] = []string{"BYPASSRLS"}
	}
	return all
}

// sinkRole is the role of the sink that writes the statement of the first bank.
const sinkRole = "statement_sink"

// createDatabases creates the roles and the databases. Those of an earlier stack stay as they are,
// with these owners.
func (s *Stack) createDatabases(ctx context.Context, _ io.Writer) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	for role, attributes := range roles() {
		if err := server.CreateRole(ctx, role, attributes...); err != nil {
			return err
		}
	}
	for _, t := range s.targets() {
		if err := server.CreateRole(ctx, t.service); err != nil {
			return err
		}
		if err := server.CreateRole(ctx, t.owner); err != nil {
			return err
		}
		if err := t.create(ctx, server); err != nil {
			return err
		}
	}
	for _, bank := range Banks() {
		// The check for gaps must see when the transactions of the sink began.
		if err := server.GrantRole(ctx, "pg_read_all_stats", bank.role("statement_service")); err != nil {
			return err
		}
	}
	return nil
}

// create creates a database that belongs to the owner.
func (t *target) create(ctx context.Context, server *postgres.Server) error {
	if err := server.CreateDatabase(ctx, t.database); err != nil {
		return err
	}
	return server.GiveDatabase(ctx, t.database, t.owner)
}

// migrateDatabases brings the stack's databases to the schema of the programs.
func (s *Stack) migrateDatabases(ctx context.Context, log io.Writer) error {
	if !hasSources(s.Root(), "bankctl") {
		return nil
	}
	for _, t := range s.targets() {
		if err := s.migrate(ctx, log, t, t.bank.Code); err != nil {
			return err
		}
	}
	return nil
}

// migrate runs bankctl on one database, as its owner.
func (s *Stack) migrate(ctx context.Context, log io.Writer, t target, bankCode string) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	cmd := s.program("bankctl", "migrate", t.name)
	settings := map[string]string{t.name + "-database-url": server.URLOf(t.owner, t.database), "bank-code": bankCode}
	if suffix := t.bank.role(""); suffix != "" {
		settings["role-suffix"] = suffix
	}
	cmd.Env = environment(variables("bankctl", settings))
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
	for _, t := range s.targets() {
		if t.name != kind {
			continue
		}
		t.database = database
		if err := t.create(ctx, server); err != nil {
			return "", err
		}
		return server.URLOf(t.service, database), s.migrate(ctx, s.out, t, bankCode)
	}
	return "", fmt.Errorf("there is no kind of database %s", kind)
}

// URLOf is the address of one of the stack's databases for a role.
func (s *Stack) URLOf(ctx context.Context, role, database string) (string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	return server.URLOf(role, database), nil
}
