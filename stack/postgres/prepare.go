package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"codebank.dev/stack/child"
	"codebank.dev/stack/dist"
)

// Prepare fetches the server's programs if needed and makes the data folder if
// it is not there, but starts nothing. Data of an earlier server in the same
// folder is kept.
func Prepare(ctx context.Context, options Options) (*Server, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	server := &Server{options: options, port: options.Port}
	if err := server.prepare(ctx); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if server.port == 0 {
		server.port, err = freePort()
	}
	return server, err
}

// prepare finds the programs and the user, and makes the data folder.
func (s *Server) prepare(ctx context.Context) error {
	store, err := dist.Open(s.options.Progress)
	if err != nil {
		return err
	}
	if s.user, err = child.Unprivileged(); err != nil {
		return err
	}
	if s.home, err = store.Postgres(ctx); err != nil {
		return err
	}
	if s.home, err = store.Reachable(ctx, s.home, s.user); err != nil {
		return err
	}
	if err = os.MkdirAll(s.options.Dir, 0o755); err != nil {
		return err
	}
	if s.password, err = s.options.password(); err != nil {
		return err
	}
	if s.data, err = s.user.Folder(filepath.Join(s.options.Dir, "data")); err != nil {
		return err
	}
	return s.initialise(ctx)
}

// initialise runs initdb once per data folder. A folder that initdb did not
// finish is told by the missing mark and begun again.
func (s *Server) initialise(ctx context.Context) error {
	mark := filepath.Join(s.data, "codebank.initialised")
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	if _, err := os.Stat(filepath.Join(s.data, "postmaster.pid")); err == nil {
		return fmt.Errorf("%s holds the data of another server", s.data)
	}
	if err := empty(s.data); err != nil {
		return err
	}
	password := s.data + ".password"
	defer os.Remove(password)
	if err := s.user.WriteFile(password, s.password); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.home, "bin", "initdb"), "-D", s.data,
		"--username="+User, "--pwfile="+password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
		"--data-checksums")
	cmd.Dir = s.data
	cmd.Env = environment()
	if err := child.Run(ctx, cmd, child.Options{User: s.user}); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}
