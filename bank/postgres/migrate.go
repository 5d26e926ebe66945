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
	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrOtherBank says that the database is the ledger of another bank. Waiting does not help.
var ErrOtherBank = database.Permanent(errors.New("postgres: the database is the ledger of another bank"))

// The failpoints of Migrate, which bankctl runs too.
const (
	// Migrated: a migration of the ledger is committed, or the rights of its roles are.
	Migrated = failpoints.LedgerMigrated
	// Claimed: the bank's code is written into the ledger.
	Claimed = failpoints.LedgerClaimed
)

// errUnclaimed is not permanent: whoever migrates the ledger writes whose it is.
var errUnclaimed = errors.New("postgres: nobody has written whose ledger it is: run bankctl migrate ledger")

// Prepare waits until the ledger can be used: the database answers, has had the migrations that this
// program needs, and belongs to this bank; logger and Ready say what it waits for. With
// Config.Migrate it migrates the ledger first. It returns nil once the ledger can be used, and the
// context's error when ctx ends first. It also returns an error for which waiting does not help, such
// as ErrOtherBank. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	if s.config.Migrate {
		return s.pool.Prepare(ctx, logger, s.Migrate)
	}
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error {
		if err := s.pool.Migrated(ctx, Schema()); err != nil {
			return err
		}
		return s.requireOwner(ctx)
	})
}

// Migrate brings the schema up to this program's version, gives the roles their rights, and writes
// the bank's code into the ledger. The user must own the database. It may be repeated, and several
// processes may call it at the same time: one works, the others wait up to five minutes. It never
// undoes a migration. Errors: ErrOtherBank, and those of the database.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.pool.Migrate(ctx, Schema().WithRoleSuffix(s.config.RoleSuffix), func() { s.config.Failpoint.At(failpoints.LedgerMigrated) })
	if err != nil || s.config.BankCode == "" {
		return err
	}
	return s.claim(ctx)
}

// claim writes the bank's code into a ledger that has none, and compares it with the code in an older
// one.
func (s *Store) claim(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, "INSERT INTO bank (code) VALUES ($1) ON CONFLICT DO NOTHING", s.config.BankCode)
	if err != nil {
		return fmt.Errorf("postgres: write whose ledger it is: %w", err)
	}
	s.config.Failpoint.At(failpoints.LedgerClaimed)
	return s.requireOwner(ctx)
}

// Migrate migrates the ledger of the bank with this code, as Store.Migrate does. The other settings
// of the configuration say how to reach it.
func Migrate(ctx context.Context, config Config, code string) error {
	config.BankCode = bank.Code(code)
	store, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx)
}

// requireOwner compares the bank's code with the code in the ledger.
func (s *Store) requireOwner(ctx context.Context) error {
	if s.config.BankCode == "" {
		return nil
	}
	var code bank.Code
	err := s.pool.QueryRow(ctx, "SELECT code FROM bank").Scan(&code)
	if errors.Is(err, pgx.ErrNoRows) {
		return errUnclaimed
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
