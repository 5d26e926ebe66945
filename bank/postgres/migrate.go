package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoint"
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
	database := stdlib.OpenDB(*config)
	defer database.Close()
	// A try every second; the lock is the session's, so it goes with a killed process.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, database, files,
		goose.WithSessionLocker(locker), goose.WithTableName("migrations"))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	for err == nil {
		if _, err = provider.UpByOne(ctx); err == nil {
			s.reached(failpoint.LedgerMigrated)
		}
	}
	if !errors.Is(err, goose.ErrNoNextVersion) {
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
		s.reached(failpoint.LedgerClaimed)
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
