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

// Role is a role of the server and what it may do in a database. A program signs in as the role,
// or as a user who is a member of it.
type Role struct {
	// Name is the name of the role. Roles belong to the server, so all its databases share the name, unless
	// [Schema.WithRoleSuffix] changes it.
	Name string
	// Rights are the only privileges that the role has on tables, views and sequences. UPDATE may
	// name columns: "SELECT UPDATE(balance,held)". A name with a dot is in another schema than public. Every
	// role may also read which migrations the database has had.
	Rights Needs
	// Temporary lets the role make temporary tables.
	Temporary bool
	// MemberOf are the roles of the server that it is a member of, such as pg_read_all_stats.
	MemberOf []string
}

// versions is the table of the migrations that a database has had.
const versions = "migrations"

// grantLock is the key of the advisory lock under which rights are written. Two writers at once would
// change the same rows of the catalogue.
const grantLock = 0x726f6c6573

// grantRoles gives the roles their rights on a connection of its own.
func (c Config) grantRoles(ctx context.Context, roles []Role) error {
	parsed, err := c.poolConfig()
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, parsed.ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return grant(ctx, conn, roles)
}

// grant makes the roles that are missing and gives each role its rights, no less and no more, in one
// transaction. A role that exists keeps its password and its attributes. If the user owns the
// database, nobody but the roles and the owner may connect to it. Roles that may not be made are in
// the error.
func grant(ctx context.Context, conn *pgx.Conn, roles []Role) error {
	for _, role := range roles {
		if err := makeRole(ctx, conn, role.Name); err != nil {
			return err
		}
		for _, group := range role.MemberOf {
			if err := join(ctx, conn, role.Name, group); err != nil {
				return err
			}
		}
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", grantLock); err != nil {
			return err
		}
		statements, err := connectStatements(ctx, tx, roles)
		if err != nil {
			return err
		}
		for _, role := range roles {
			statements = append(statements, role.statements()...)
		}
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

// makeRole makes a role that nobody can sign in as, unless the role exists.
func makeRole(ctx context.Context, conn *pgx.Conn, name string) error {
	var exists bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE ROLE "+pgx.Identifier{name}.Sanitize()+" NOLOGIN")
	switch State(err) {
	case duplicateObject, uniqueViolation: // Another process was faster.
		return nil
	case insufficientPrivilege:
		return fmt.Errorf("the role %s is missing, and this user may not make it; CREATE ROLE %s as an administrator: %w", name, name, err)
	}
	return err
}

// join makes a role a member of another one, unless it is.
func join(ctx context.Context, conn *pgx.Conn, role, group string) error {
	var member bool
	err := conn.QueryRow(ctx, "SELECT pg_has_role($1, $2, 'USAGE')", role, group).Scan(&member)
	if err != nil || member {
		return err
	}
	grant := "GRANT " + pgx.Identifier{group}.Sanitize() + " TO " + pgx.Identifier{role}.Sanitize()
	_, err = conn.Exec(ctx, grant)
	if State(err) == insufficientPrivilege {
		return fmt.Errorf("the role %s is not a member of %s, and this user may not make it one; %s as an administrator: %w", role, group, grant, err)
	}
	return err
}

const (
	duplicateObject = "42710"
	uniqueViolation = "23505"
)

// connectStatements return what lets the roles alone connect to the database, and nobody but the owner make
// anything in it. It is nothing unless the user owns the database.
func connectStatements(ctx context.Context, tx pgx.Tx, roles []Role) ([]string, error) {
	var name string
	err := tx.QueryRow(ctx, `SELECT datname FROM pg_database
		WHERE datname = current_database() AND pg_has_role(datdba, 'USAGE')`).Scan(&name)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	on := " ON DATABASE " + pgx.Identifier{name}.Sanitize()
	// Before Postgres 15 everybody could make tables and functions in the schema, also of the names that
	// others look for there.
	statements := []string{"REVOKE ALL" + on + " FROM PUBLIC", "REVOKE CREATE ON SCHEMA public FROM PUBLIC"}
	for _, role := range roles {
		privileges := "CONNECT"
		if role.Temporary {
			privileges += ", TEMPORARY"
		}
		statements = append(statements, "GRANT "+privileges+on+" TO "+pgx.Identifier{role.Name}.Sanitize())
	}
	return statements, nil
}

// statements return what gives the role its rights and takes all others from it.
func (r *Role) statements() []string {
	role := pgx.Identifier{r.Name}.Sanitize()
	var statements []string
	for _, schema := range r.schemas() {
		in := " IN SCHEMA " + pgx.Identifier{schema}.Sanitize() + " FROM " + role
		statements = append(statements, "REVOKE ALL ON ALL TABLES"+in, "REVOKE ALL ON ALL SEQUENCES"+in,
			"GRANT USAGE ON SCHEMA "+pgx.Identifier{schema}.Sanitize()+" TO "+role)
	}
	statements = append(statements, "GRANT SELECT ON "+versions+" TO "+role)
	for _, table := range slices.Sorted(maps.Keys(r.Rights)) {
		privileges := strings.Join(strings.Fields(r.Rights[table]), ", ")
		statements = append(statements, "GRANT "+privileges+" ON "+pgx.Identifier(strings.Split(table, ".")).Sanitize()+" TO "+role)
	}
	return statements
}

// schemas returns public and the other schemas that the rights name.
func (r *Role) schemas() []string {
	schemas := []string{"public"}
	for table := range r.Rights {
		if schema, _, qualified := strings.Cut(table, "."); qualified && !slices.Contains(schemas, schema) {
			schemas = append(schemas, schema)
		}
	}
	slices.Sort(schemas)
	return schemas
}
