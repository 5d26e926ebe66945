package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// duplicateDatabase is the SQLSTATE of creating a database that exists.
const duplicateDatabase = "42P04"

// CreateDatabase makes an empty database. One that exists is left as it is, so
// the call may be repeated.
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

// DropDatabase deletes a database with all it holds and ends the sessions in
// it. Deleting one that does not exist does nothing.
func (s *Server) DropDatabase(ctx context.Context, name string) error {
	err := s.do(ctx, "drop database if exists "+pgx.Identifier{name}.Sanitize()+" with (force)")
	if err != nil {
		return fmt.Errorf("drop database %s: %w", name, err)
	}
	return nil
}

// freePort finds a port on the loopback address that nobody uses right now.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}

// portFree reports whether a port on the loopback address can be listened on.
func portFree(port int) bool {
	listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}

// environment is what the server's programs see. The caller's own PG… variables
// are for another server, and its locale may not exist for the builtin provider.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}
