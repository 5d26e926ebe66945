// Package queue is the statement's queue of jobs: River, in the statement's database and in a schema of its own,
// so that a job is enqueued in the commit of what it is for. Postgres of the same database has the files that the
// jobs make.
//
//	queue.go   the schema, and what its role may do there
//	jobs.go    the kinds of jobs, and enqueuing
//	runner.go  working on jobs
package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"codebank.dev/platform/database"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Schema is the schema of River's tables.
const Schema = "river"

// Rights are what a role that enqueues and works on jobs needs.
func Rights() database.Needs {
	return database.Needs{
		Schema + ".river_job":                 "SELECT INSERT UPDATE DELETE",
		Schema + ".river_job_id_seq":          "USAGE",
		Schema + ".river_leader":              "SELECT INSERT UPDATE DELETE",
		Schema + ".river_queue":               "SELECT INSERT UPDATE DELETE",
		Schema + ".river_notification":        "SELECT INSERT DELETE",
		Schema + ".river_notification_id_seq": "USAGE",
		Schema + ".river_migration":           "SELECT",
	}
}

// Migrate brings River's tables up to the version that this program uses. It may be repeated. The schema must be
// there.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// ErrOlder says that the database lacks migrations of River.
var ErrOlder = errors.New("queue: the tables of the queue are missing or old: run bankctl migrate statement")

// Migrated returns nil when River's tables have the version that this program uses, or a newer one, and ErrOlder
// when they do not.
func Migrated(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: Schema, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	wanted := 0
	for _, migration := range migrator.AllVersions() {
		wanted = max(wanted, migration.Version)
	}
	var found bool
	if err := pool.QueryRow(ctx, "SELECT to_regclass('"+Schema+".river_migration') IS NOT NULL").Scan(&found); err != nil {
		return err
	}
	had := 0
	if found {
		err := pool.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+Schema+".river_migration WHERE line = 'main'").Scan(&had)
		if err != nil {
			return err
		}
	}
	if had < wanted {
		return fmt.Errorf("%w: version %d of %d", ErrOlder, had, wanted)
	}
	return nil
}
