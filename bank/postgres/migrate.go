package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/migrate"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrOtherBank says that the database is the ledger of another bank.
var ErrOtherBank = errors.New("postgres: the database belongs to another bank")

// Migrate brings the schema up to this program's version and writes down whose
// ledger it is. It may be repeated, and several processes may call it at once: one
// works, the others wait up to five minutes. It never undoes a migration. Other
// errors than ErrOtherBank are the database's own.
func (s *Store) Migrate(ctx context.Context) error {
	config, err := pgx.ParseConfig(s.config.URL)
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	config.RuntimeParams["application_name"] = s.config.ApplicationName + " migrate"
	if err := migrate.Up(ctx, config, migrations, func() { s.reached(failpoints.LedgerMigrated) }); err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	return s.claim(ctx)
}

// claim writes the bank's code into a database that has none and compares it with
// what an older one has.
func (s *Store) claim(ctx context.Context) error {
	if s.config.BankCode == "" {
		return nil
	}
	var code bank.Code
	_, err := s.pool.Exec(ctx, "INSERT INTO bank (code) VALUES ($1) ON CONFLICT DO NOTHING", s.config.BankCode)
	if err == nil {
		s.reached(failpoints.LedgerClaimed)
		err = s.pool.QueryRow(ctx, "SELECT code FROM bank").Scan(&code)
	}
	if err != nil {
		return fmt.Errorf("postgres: whose ledger: %w", err)
	}
	if code != s.config.BankCode {
		return fmt.Errorf("%w: %s", ErrOtherBank, code)
	}
	return nil
}
