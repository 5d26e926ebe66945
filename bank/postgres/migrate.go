package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrOtherBank says that the database is the ledger of another bank. Waiting does not help.
var ErrOtherBank = database.Permanent(errors.New("postgres: the database is the ledger of another bank"))

// Prepare migrates the ledger and waits for a database that is away; logger and Ready say what it
// waits for. It returns nil once the ledger can be used, and the context's error when ctx ends
// first. It also returns an error for which waiting does not help, such as ErrOtherBank. Call it
// once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	return s.pool.Prepare(ctx, logger, s.Migrate)
}

// Migrate brings the schema up to this program's version and writes the bank's code into the
// ledger. It may be repeated, and several processes may call it at the same time: one works, the
// others wait up to five minutes. It never undoes a migration. Errors: ErrOtherBank, and those of
// the database.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.pool.Migrate(ctx, migrations, func() { s.config.Failpoint.At(failpoints.LedgerMigrated) })
	if err != nil {
		return err
	}
	return s.claim(ctx)
}

// claim writes the bank's code into a database that has none, and compares it with the code in an
// older one.
func (s *Store) claim(ctx context.Context) error {
	if s.config.BankCode == "" {
		return nil
	}
	var code bank.Code
	_, err := s.pool.Exec(ctx, "INSERT INTO bank (code) VALUES ($1) ON CONFLICT DO NOTHING", s.config.BankCode)
	if err == nil {
		s.config.Failpoint.At(failpoints.LedgerClaimed)
		err = s.pool.QueryRow(ctx, "SELECT code FROM bank").Scan(&code)
	}
	if err != nil {
		return fmt.Errorf("postgres: read whose ledger it is: %w", err)
	}
	if code != s.config.BankCode {
		return fmt.Errorf("%w: it is bank %s, this program is bank %s: check --database-url and --bank-code",
			ErrOtherBank, code, s.config.BankCode)
	}
	return nil
}
