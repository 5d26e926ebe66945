package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

const (
	// lockTries is how often a process asks for the lock of the migrations, once a second.
	// unlockTries is how often it tries to release the lock.
	lockTries   = 300
	unlockTries = 10
)

// migrationSettings lift the time limits for migrations, because an index on a large
// table takes long.
var migrationSettings = map[string]string{
	"statement_timeout":                   "0",
	"idle_in_transaction_session_timeout": "0",
}

// Migrate applies, in order, the SQL files in the folder migrations that the database
// has not had yet. It works on a connection of its own without the pool's session
// settings, and calls committed after each file. It may be repeated, and several
// processes may call it at once: one works, and the others wait up to five minutes. It
// never undoes a migration. Errors are those of the database.
func (p *Pool) Migrate(ctx context.Context, migrations fs.FS, committed func()) error {
	config := p.config
	config.ApplicationName += " migrate"
	config.Settings, config.OnConnect = migrationSettings, nil
	if err := migrate(ctx, config, migrations, committed); err != nil {
		return fmt.Errorf("database: migrate: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, config Config, migrations fs.FS, committed func()) error {
	parsed, err := config.poolConfig()
	if err != nil {
		return err
	}
	database := stdlib.OpenDB(*parsed.ConnConfig)
	defer database.Close()
	// The lock belongs to the session, so it is free when its process is killed.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, lockTries), lock.WithUnlockTimeout(1, unlockTries))
	if err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, database, files,
		goose.WithSessionLocker(locker), goose.WithTableName("migrations"))
	if err != nil {
		return err
	}
	for err == nil {
		if _, err = provider.UpByOne(ctx); err == nil {
			committed()
		}
	}
	if !errors.Is(err, goose.ErrNoNextVersion) {
		return err
	}
	return nil
}
