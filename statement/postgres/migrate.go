package postgres

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/platform/migrate"
	"codebank.dev/statement/failpoints"
	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrOtherBank says that the database is the statement of another bank.
var ErrOtherBank = errors.New("postgres: the database is the statement of another bank")

const (
	firstWait      = 100 * time.Millisecond
	longestWait    = 5 * time.Second
	migrateTimeout = 10 * time.Minute
	randomKeyBytes = 32
)

// settings are the database's own: whose statement it is, and the key of page tokens.
type settings struct {
	bankCode     string
	pageTokenKey []byte
}

// Prepare migrates the database, and waits for one that is away, trying again after
// pauses that grow to five seconds. It returns nil once the store can be used, the
// context's error when ctx ends first, and ErrOtherBank, which no waiting cures.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	for wait := firstWait; ; wait = min(wait*2, longestWait) {
		err := s.Migrate(ctx)
		if err == nil || errors.Is(err, ErrOtherBank) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		logger.Warn("waiting for the database", "error", err, "again_in", wait.String())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// Migrate brings the tables up to this program's version and reads the settings. It
// may be repeated, and several processes may call it at once: one works, the others
// wait. It never undoes a migration. Errors: ErrOtherBank, or the database's own.
func (s *Store) Migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	config := s.pool.Config().ConnConfig
	config.RuntimeParams["application_name"] = s.config.ApplicationName + " migrate"
	delete(config.RuntimeParams, "statement_timeout") // An index on a large table takes its time.
	if err := migrate.Up(ctx, config, migrations, func() { s.config.Failpoint.At(failpoints.StatementMigrated) }); err != nil {
		return fmt.Errorf("postgres: migrate: %w", err)
	}
	return s.claim(ctx)
}

// claim writes the settings into a database that has none and takes over those of
// one that has.
func (s *Store) claim(ctx context.Context) error {
	key := make([]byte, randomKeyBytes)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("postgres: a page token key: %w", err)
	}
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO statement_settings (bank_code, page_token_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", s.config.BankCode, key)
	var known settings
	batch.Queue("SELECT bank_code, page_token_key FROM statement_settings").QueryRow(func(row pgx.Row) error {
		return row.Scan(&known.bankCode, &known.pageTokenKey)
	})
	if err := s.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("postgres: whose statement: %w", err)
	}
	s.config.Failpoint.At(failpoints.StatementClaimed)
	if known.bankCode != s.config.BankCode {
		return fmt.Errorf("%w: %s", ErrOtherBank, known.bankCode)
	}
	if len(s.config.PageTokenKey) > 0 {
		known.pageTokenKey = s.config.PageTokenKey
	}
	s.settings.Store(&known)
	return nil
}
