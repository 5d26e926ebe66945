package database

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
)

// Needs are the privileges that a program's calls need on tables, by table. A value is a list
// of SELECT, INSERT, UPDATE and DELETE, separated by spaces. A privilege on some columns of a table
// meets the need, because a program is given no more columns than it writes.
type Needs map[string]string

// unmet finds why calls would fail: the database takes no writes, a table or a privilege is
// missing, or somebody has locked a table. $1 and $2 are tables and privileges, pair by pair.
// It also finds a lock that is held for a moment only, so the result is about the present.
const unmet = `
WITH need AS (SELECT name, privilege, to_regclass(name) AS found FROM unnest($1::text[], $2::text[]) AS needs(name, privilege))
SELECT current_setting('transaction_read_only')::boolean AND EXISTS (SELECT FROM need WHERE privilege <> 'SELECT'),
	coalesce((SELECT string_agg(privilege || ' on ' || name, ', ') FROM need
		WHERE found IS NULL OR NOT CASE privilege WHEN 'DELETE' THEN has_table_privilege(found, privilege)
			ELSE has_any_column_privilege(found, privilege) END), ''),
	coalesce((SELECT string_agg(DISTINCT name || ' in ' || mode, ', ') FROM need JOIN pg_locks ON relation = found
		WHERE granted AND locktype = 'relation' AND pid <> pg_backend_pid()
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND (mode = 'AccessExclusiveLock' OR privilege <> 'SELECT' AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock'))), '')`

// Why a database that answers cannot be used. The cause, which names the table, is for the log.
var (
	errReadOnly = waiting("it is read-only")
	errMissing  = waiting("a table is missing, or the user lacks a privilege on it; the log says which")
	errLocked   = waiting("a table is locked against this program; the log says which")
)

// meets returns nil when the database meets the needs. Otherwise it returns the fault that
// Ready returns.
func (p *Pool) meets(ctx context.Context, needs Needs) error {
	var tables, privileges []string
	for _, table := range slices.Sorted(maps.Keys(needs)) {
		for privilege := range strings.FieldsSeq(needs[table]) {
			tables, privileges = append(tables, table), append(privileges, privilege)
		}
	}
	var readOnly bool
	var missing, locked string
	err := p.QueryRow(ctx, unmet, tables, privileges).Scan(&readOnly, &missing, &locked)
	for _, unmet := range []struct {
		is    bool
		why   *fault.Error
		cause error
	}{
		{err != nil, waiting(reason(err)), err},
		{readOnly, errReadOnly, errors.New("transaction_read_only is on")},
		{missing != "", errMissing, errors.New("missing: " + missing)},
		{locked != "", errLocked, errors.New("locked: " + locked)},
	} {
		if unmet.is {
			if readOnly {
				p.renewSessions()
			}
			return unmet.why.Wrap(unmet.cause)
		}
	}
	return nil
}
