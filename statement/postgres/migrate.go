package postgres

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"codebank.dev/platform/database"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrOtherBank says that the database is the statement of another bank. Waiting does
// not help.
var ErrOtherBank = database.Permanent(errors.New("postgres: the database is the statement of another bank"))

// randomKeyBytes is the length of a page token key that the database keeps.
const randomKeyBytes = 32

// settings are stored in the database: the code of the bank, and the key of page
// tokens.
type settings struct {
	bankCode     string
	pageTokenKey []byte
}

// Prepare migrates the database. While the database is away it waits; the log and Ready
// say for what. It returns nil once the store can be used, and the context's error when
// ctx ends first. If waiting does not help, it returns the error at once, for example
// ErrOtherBank. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	return s.pool.Prepare(ctx, logger, s.Migrate)
}

// Migrate brings the tables up to this program's version and reads the settings. It may
// be repeated, and several processes may call it at once: one works, and the others
// wait up to five minutes. It never undoes a migration. Errors are ErrOtherBank and
// those of the database.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.pool.Migrate(ctx, database.Schema{Migrations: migrations}, func() { s.config.Failpoint.At(failpoints.StatementMigrated) })
	if err != nil {
		return err
	}
	return s.claim(ctx)
}

// claim stores the settings in a database that has none, and reads the settings that
// the database then has. If they are another bank's, the error is ErrOtherBank. It does not
// write into a database that has settings, so that a statement starts on a read-only one.
func (s *Store) claim(ctx context.Context) error {
	known, err := s.storedSettings(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		key := make([]byte, randomKeyBytes)
		if _, err := rand.Read(key); err != nil {
			return fmt.Errorf("postgres: make a page token key: %w", err)
		}
		_, err = s.pool.Exec(ctx, "INSERT INTO statement_settings (bank_code, page_token_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", s.config.BankCode, key)
		s.config.Failpoint.After(err, failpoints.StatementClaimed)
		if err != nil {
			return fmt.Errorf("postgres: write whose statement it is: %w", err)
		}
		known, err = s.storedSettings(ctx)
	}
	if err != nil {
		return fmt.Errorf("postgres: read whose statement it is: %w", err)
	}
	if known.bankCode != s.config.BankCode {
		return fmt.Errorf("%w: it is bank %s, this program is bank %s: check --database-url and --bank-code",
			ErrOtherBank, known.bankCode, s.config.BankCode)
	}
	if len(s.config.PageTokenKey) > 0 {
		known.pageTokenKey = s.config.PageTokenKey
	}
	s.settings.Store(&known)
	return nil
}

// storedSettings returns the settings that the database has; pgx.ErrNoRows when it has none.
func (s *Store) storedSettings(ctx context.Context) (known settings, err error) {
	err = s.pool.QueryRow(ctx, "SELECT bank_code, page_token_key FROM statement_settings").Scan(&known.bankCode, &known.pageTokenKey)
	return known, err
}
