package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
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

// Schema is what the migrations make of a program's database, and who may do what in it.
type Schema struct {
	// Migrations has the SQL files, in the folder migrations.
	Migrations fs.FS
	// Library brings the tables of a library that has migrations of its own up to the version that the program
	// needs. It runs behind the files, as the owner and without time limits, in one process at a time. It may be
	// repeated. Nil for none.
	Library func(ctx context.Context, pool *pgxpool.Pool) error
	// Roles are all roles that may use the database, beside its owner.
	Roles []Role
}

// WithRoleSuffix returns the schema with roles whose names end with the suffix. So one server may have the same
// schema twice, and the roles of one database cannot open the other one. Empty: the schema as it is.
func (s Schema) WithRoleSuffix(suffix string) Schema {
	s.Roles = slices.Clone(s.Roles)
	for i := range s.Roles {
		s.Roles[i].Name += suffix
	}
	return s
}

// Migrate applies, in order, the SQL files of a schema that the database has not had yet, and
// then gives the schema's roles their rights, in one transaction: a role that is missing is made,
// and rights that are not named are taken away. The pool's user must own the tables. Migrate works
// on connections of its own without the pool's session settings, and calls committed after each
// file, after the library's tables and after the rights. It may be repeated, and several processes may call it at once: one
// works, and the others wait up to five minutes. It never undoes a migration. Errors are those of
// the database.
func (p *Pool) Migrate(ctx context.Context, schema Schema, committed func()) error {
	config := p.config
	config.ApplicationName += " migrate"
	config.Settings, config.OnConnect = migrationSettings, nil
	if err := migrate(ctx, config, schema.Migrations, committed); err != nil {
		return fmt.Errorf("database: migrate: %w", err)
	}
	if schema.Library != nil {
		if err := config.runLibrary(ctx, schema.Library); err != nil {
			return fmt.Errorf("database: migrate a library's tables: %w", err)
		}
		committed()
	}
	if len(schema.Roles) == 0 {
		return nil
	}
	if err := config.grantRoles(ctx, schema.Roles); err != nil {
		return fmt.Errorf("database: give the roles their rights: %w", err)
	}
	committed()
	return nil
}

// Migrated returns nil when the database has had every migration of a schema. It may have had
// more, because a newer program keeps what an older one uses. Otherwise the error says which
// migrations are missing and what to do; Prepare waits then.
func (p *Pool) Migrated(ctx context.Context, schema Schema) error {
	newest, err := schema.newest()
	if err != nil {
		return err
	}
	var found bool
	if err := p.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", versions).Scan(&found); err != nil {
		return err
	}
	var had int64
	if found {
		err := p.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versions+" WHERE is_applied").Scan(&had)
		if err != nil {
			return err
		}
	}
	if had < newest {
		return &errOlder{had: had, needs: newest}
	}
	return nil
}

// newest returns the number of the newest migration of a schema.
func (s *Schema) newest() (newest int64, err error) {
	files, err := fs.ReadDir(s.Migrations, "migrations")
	for _, file := range files {
		number, err := goose.NumericComponent(file.Name())
		if err != nil {
			return 0, fmt.Errorf("database: %w", err)
		}
		newest = max(newest, number)
	}
	return newest, err
}

// errOlder is the error of a database that lacks migrations.
type errOlder struct{ had, needs int64 }

// Error says what is missing.
func (e *errOlder) Error() string { return "database: " + e.words() }

// words is the same for everybody to see, with what to do.
func (e *errOlder) words() string {
	return fmt.Sprintf("it has had migration %d and this program needs %d; run bankctl migrate", e.had, e.needs)
}

// libraryLock is the key of the advisory lock under which a library migrates.
const libraryLock = 0x6c696272617279

// runLibrary migrates the tables of a library while no other process does.
func (c Config) runLibrary(ctx context.Context, library func(context.Context, *pgxpool.Pool) error) error {
	parsed, err := c.poolConfig()
	if err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// The lock belongs to the session, which ends here.
	defer func() { _ = conn.Hijack().Close(context.WithoutCancel(ctx)) }()
	var locked any
	if err := conn.QueryRow(ctx, "SELECT pg_advisory_lock($1)", libraryLock).Scan(&locked); err != nil {
		return err
	}
	return library(ctx, pool)
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
		goose.WithSessionLocker(locker), goose.WithTableName(versions))
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
