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
	"codebank.dev/statement/queue"
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
	// seesWriters says whether the user sees when the transactions of others began.
	seesWriters bool
}

// The failpoints of Migrate, which bankctl runs too.
const (
	// Migrated: a migration of the statement is committed, or the rights of its roles are.
	Migrated = failpoints.StatementMigrated
	// Claimed: the bank's code is written into the statement.
	Claimed = failpoints.StatementClaimed
)

// errUnclaimed is not permanent: whoever migrates the statement writes whose it is.
var errUnclaimed = errors.New("postgres: nobody has written whose statement it is: run bankctl migrate statement")

// Prepare waits until the store can be used: the database answers, has had the migrations that this
// program needs, and is this bank's; the log and Ready say what it waits for. With Config.Migrate it
// migrates the database first. It returns nil once the store can be used, and the context's error
// when ctx ends first. If waiting does not help, it returns the error at once, for example
// ErrOtherBank. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	if s.config.Migrate {
		return s.pool.Prepare(ctx, logger, s.Migrate)
	}
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error {
		if err := s.pool.Migrated(ctx, Schema()); err != nil {
			return err
		}
		if err := queue.Migrated(ctx, s.pool.Pool); err != nil {
			return err
		}
		return s.load(ctx)
	})
}

// Migrate brings the tables up to this program's version, gives the roles their rights, and stores
// the settings in a database that has none. The user must own the database. It may be repeated, and
// several processes may call it at once: one works, and the others wait up to five minutes. It never
// undoes a migration. Errors are ErrOtherBank and those of the database.
func (s *Store) Migrate(ctx context.Context) error {
	err := s.pool.Migrate(ctx, Schema().WithRoleSuffix(s.config.RoleSuffix), func() { s.config.Failpoint.At(failpoints.StatementMigrated) })
	if err != nil {
		return err
	}
	if err := s.load(ctx); !errors.Is(err, errUnclaimed) {
		return withoutBlind(err)
	}
	return s.claim(ctx)
}

// claim stores the settings in a database that has none, and reads those that it has then.
func (s *Store) claim(ctx context.Context) error {
	key := make([]byte, randomKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("postgres: make a page token key: %w", err)
	}
	_, err := s.pool.Exec(ctx, "INSERT INTO statement_settings (bank_code, page_token_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", s.config.BankCode, key)
	s.config.Failpoint.After(err, failpoints.StatementClaimed)
	if err != nil {
		return fmt.Errorf("postgres: write whose statement it is: %w", err)
	}
	return withoutBlind(s.load(ctx))
}

// withoutBlind returns nil for errBlind. Whoever only migrates need not see transactions.
func withoutBlind(err error) error {
	if errors.Is(err, errBlind) {
		return nil
	}
	return err
}

// Migrate migrates the statement that the configuration names, as Store.Migrate does.
func Migrate(ctx context.Context, config Config) error {
	store, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx)
}

// errBlind is not permanent: an administrator may still grant it.
var errBlind = errors.New("postgres: the user does not see the transactions of the sink, so the check for gaps would pass over lines: " +
	"GRANT pg_read_all_stats TO statement_service")

// load reads the settings. The error is errUnclaimed when the database has none, and ErrOtherBank if
// they are another bank's.
func (s *Store) load(ctx context.Context) error {
	known, err := s.storedSettings(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return errUnclaimed
	}
	if err != nil {
		return fmt.Errorf("postgres: read whose statement it is: %w", err)
	}
	if !known.seesWriters {
		return errBlind
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
	err = s.pool.QueryRow(ctx, "SELECT bank_code, page_token_key, pg_has_role('pg_read_all_stats', 'USAGE') FROM statement_settings").
		Scan(&known.bankCode, &known.pageTokenKey, &known.seesWriters)
	return known, err
}
