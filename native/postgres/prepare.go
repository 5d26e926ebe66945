package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
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
	if s.folder, err = s.user.Folder(filepath.Join(s.options.Dir, "data")); err != nil {
		return err
	}
	s.data = filepath.Join(s.folder, "cluster")
	return s.initialise(ctx)
}

// initialise runs initdb once per folder. It works under another name, so a
// cluster that is there is a whole one, and what an interrupted start left is
// known for what it is.
func (s *Server) initialise(ctx context.Context) error {
	if _, err := os.Stat(s.data); err == nil {
		return nil
	}
	making := filepath.Join(s.folder, "making")
	if err := os.RemoveAll(making); err != nil {
		return err
	}
	password := filepath.Join(s.folder, "password")
	defer os.Remove(password)
	if err := s.user.WriteFile(password, s.password); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.home, "bin", "initdb"), "-D", making,
		"--username="+User, "--pwfile="+password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
		"--data-checksums")
	cmd.Dir = s.folder
	cmd.Env = environment()
	if err := child.Run(ctx, cmd, child.Options{User: s.user}); err != nil {
		return err
	}
	return os.Rename(making, s.data)
}
