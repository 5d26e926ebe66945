// Package postgres runs a real Postgres server as a child process, without a container and
// without an installation. The launcher uses it. The tests of every module use it through
// postgrestest.
//
// The server listens on the loopback address, keeps its data in a folder that the caller names,
// and stops when the program that started it dies.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/native/child"
	"codebank.dev/native/process"
)

const (
	// readyPoll is the interval between two pings of a starting server.
	readyPoll = 20 * time.Millisecond
	// StopSignal asks the server to end all sessions, write everything to disk and stop.
	StopSignal = syscall.SIGINT

	// freePortTries bounds how often another free port is taken because another program took
	// the one before.
	freePortTries = 5
	// tailLines is how many lines of the log an error shows.
	tailLines = 25
)

// Server is a database server, running or stopped. It is safe for concurrent use; starting and
// stopping exclude each other.
type Server struct {
	options Options
	user    *child.User
	home    string
	// folder belongs to the user who runs the server. data, the cluster, is in it.
	folder   string
	data     string
	port     int
	password string

	mutex   sync.Mutex
	process *child.Process
}

// Start prepares a server as [Prepare] does, starts it and waits until it answers a query. On
// failure nothing runs, and the error shows the end of the server's log.
func Start(ctx context.Context, options Options) (*Server, error) {
	server, err := Prepare(ctx, options)
	if err != nil {
		return nil, err
	}
	err = server.Restart(ctx)
	for tries := 1; err != nil && options.Port == 0 && tries < freePortTries && !process.PortFree(server.port); tries++ {
		if server.port, err = process.FreePort(); err != nil {
			return nil, err
		}
		err = server.Restart(ctx)
	}
	if err != nil {
		return nil, err
	}
	return server, nil
}

// Command returns the command of the prepared server, for callers that run the process
// themselves. Its output is not directed anywhere yet. [StopSignal] asks the server to stop.
func (s *Server) Command() (*exec.Cmd, child.Options) {
	cmd := exec.Command(filepath.Join(s.home, "bin", "postgres"), s.options.arguments(s.data, s.port)...)
	cmd.Dir = s.data
	cmd.Env = environment()
	// SIGQUIT is an immediate shutdown: the postmaster ends its backends, even a busy one that
	// would not notice its death for long.
	return cmd, child.Options{User: s.user, Death: syscall.SIGQUIT}
}

// Restart stops the server if it runs, and starts it on the same port with the same data. It
// also starts a server that was stopped or killed. It returns when the server answers a query.
func (s *Server) Restart(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.stop(ctx); err != nil {
		return err
	}
	if err := s.AwaitPredecessor(ctx); err != nil {
		return err
	}
	log, err := os.OpenFile(s.options.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, how := s.Command()
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = child.Start(cmd, how); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		s.kill()
		return fmt.Errorf("postgres on port %d: %w\n%s", s.port, err, child.Tail(s.options.Log, tailLines))
	}
	return nil
}

func (s *Server) awaitReady(ctx context.Context) error {
	for {
		err := s.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("the server ended: %w", s.process.Err())
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w: %w", ctx.Err(), err)
		case <-time.After(readyPoll):
		}
	}
}

// Ping sends a query to the server and returns nil if the server answers.
func (s *Server) Ping(ctx context.Context) error {
	return s.do(ctx, "select 1")
}

// do runs one statement on a new connection to the maintenance database.
func (s *Server) do(ctx context.Context, statement string) error {
	return s.doIn(ctx, "postgres", statement)
}

// doIn runs one statement on a new connection to a database.
func (s *Server) doIn(ctx context.Context, database, statement string) error {
	conn, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
}

// URL is the address of a database, in the form that pgx reads. It contains the password and
// must not be logged.
func (s *Server) URL(database string) string { return s.url(User, s.password, database) }

func (s *Server) url(user, password, database string) string {
	address := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(user, password),
		Host:     "127.0.0.1:" + strconv.Itoa(s.port),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return address.String()
}

// Port is the TCP port on the loopback address.
func (s *Server) Port() int { return s.port }

// Password is the password of the role [User].
func (s *Server) Password() string { return s.password }

// Data is the folder with the server's data. It is in Options.Dir, or under /var/tmp if the
// user who runs the server cannot reach Options.Dir.
func (s *Server) Data() string { return s.folder }

// Pid is the process id of the postmaster; zero if the server was stopped.
func (s *Server) Pid() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.process == nil {
		return 0
	}
	return s.process.Pid()
}

// Done is closed when the current server has ended for any reason. It is nil if none runs.
func (s *Server) Done() <-chan struct{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.process == nil {
		return nil
	}
	return s.process.Done()
}
