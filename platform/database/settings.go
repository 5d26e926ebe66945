package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// differingSettings returns the settings of a session that are not as they were asked for, both in the
// server's own spelling. A setting changes for this statement only.
const differingSettings = `
WITH session AS MATERIALIZED (SELECT name, value, current_setting(name) AS had FROM unnest($1::text[], $2::text[]) AS asked (name, value)),
	compared AS MATERIALIZED (SELECT name, had, set_config(name, value, true) AS wanted FROM session)
SELECT name, had, wanted FROM compared WHERE had <> wanted ORDER BY name`

// setSettings sets settings for the rest of a session.
const setSettings = `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS asked (name, value)`

// setting is a setting of a session.
type setting struct{ name, had, wanted string }

// errSettings is the error of a session that has not the settings that the program asked for.
type errSettings struct{ differing []setting }

// Error says which settings differ.
func (e *errSettings) Error() string { return "database: " + e.words() }

// words is the same for everybody to see, with what to do.
func (e *errSettings) words() string {
	var differing []string
	for _, s := range e.differing {
		differing = append(differing, fmt.Sprintf("%s is %s and must be %s", s.name, s.had, s.wanted))
	}
	return "a session lacks the program's settings, and a pooler may share it: " + strings.Join(differing, ", ") +
		"; connect to the server itself, or set them with ALTER ROLE"
}

// sessionSettings returns the settings of the program's sessions.
func (c Config) sessionSettings() map[string]string {
	settings := maps.Clone(commonSettings)
	maps.Copy(settings, c.Settings)
	return settings
}

// requireSettings returns nil when a new session has the program's settings. Without its limits a
// frozen program holds locks for ever, so such a session must not be used.
//
// The settings travel in the first message of a connection. A pooler may drop them without a word, as
// pgbouncer does with ignore_startup_parameters. If the session was made for this connection, the
// settings are set here. If it may be shared, they are not: they would stay with the session for
// its next client, and be missing in the next session of this one.
func requireSettings(ctx context.Context, conn *pgx.Conn, settings map[string]string) error {
	names := slices.Sorted(maps.Keys(settings))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = settings[name]
	}
	differing, err := findDiffering(ctx, conn, names, values)
	if err != nil || len(differing) == 0 {
		return err
	}
	own, err := ownsSession(ctx, conn)
	if err != nil {
		return err
	}
	if own {
		if _, err := conn.Exec(ctx, setSettings, pgx.QueryExecModeExec, names, values); err != nil {
			return err
		}
		if differing, err = findDiffering(ctx, conn, names, values); err != nil || len(differing) == 0 {
			return err
		}
	}
	return &errSettings{differing}
}

func findDiffering(ctx context.Context, conn *pgx.Conn, names, values []string) ([]setting, error) {
	// A shared session must not be left with a prepared statement.
	rows, err := conn.Query(ctx, differingSettings, pgx.QueryExecModeExec, names, values)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s setting, err error) {
		err = row.Scan(&s.name, &s.had, &s.wanted)
		return s, err
	})
}

// ownsSession reports whether the server made the session for this connection. The server sends the
// number of its process when a session begins. A pooler that shares sessions answers before it has
// one, so it sends a number of its own.
func ownsSession(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var process uint32
	err := conn.QueryRow(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeExec).Scan(&process)
	return process == conn.PgConn().PID(), err
}

// settingsReason returns what an error says about settings, if it does.
func settingsReason(err error) (string, bool) {
	var differing *errSettings
	if errors.As(err, &differing) {
		return differing.words(), true
	}
	return "", false
}
