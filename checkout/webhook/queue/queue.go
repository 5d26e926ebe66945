// Package queue is the payment gateway's queue of jobs: River, in checkout's database and in a schema of its own, so
// that the job of an endpoint is enqueued in the commit of what is to be sent to it.
//
//	queue.go   the schema, and what its role may do there
//	jobs.go    the kinds of jobs, and enqueuing
//	runner.go  working on jobs
package queue

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"codebank.dev/platform/database"
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
