// Package migrate brings the schema of a database up to what a program knows. Every
// program has migrations of its own; how they are applied is the same for all.
package migrate

import (
	"context"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Up applies the migrations that a database has not had, which are the SQL files in the
// folder migrations, and calls reached after each. It may be repeated, and several
// processes may call it at once: one works, the others wait up to five minutes. It never
// undoes a migration. Errors are the database's own.
func Up(ctx context.Context, config *pgx.ConnConfig, migrations fs.FS, reached func()) error {
	database := stdlib.OpenDB(*config)
	defer database.Close()
	// A try every second; the lock is the session's, so it goes with a killed process.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 10))
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
			reached()
		}
	}
	if !errors.Is(err, goose.ErrNoNextVersion) {
		return err
	}
	return nil
}
