package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// duplicateDatabase is the SQLSTATE for a database that exists already.
const duplicateDatabase = "42P04"

// CreateDatabase creates an empty database. It leaves an existing one as it is, so the call may
// be repeated.
func (s *Server) CreateDatabase(ctx context.Context, name string) error {
	err := s.do(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == duplicateDatabase {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// DropDatabase deletes a database and ends the sessions in it. It does nothing if the database
// does not exist.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	err := s.do(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
	if err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// environment is the environment of the server's programs. The caller's PG… variables belong to
// another server, and the builtin locale provider may not know the caller's locale.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}
