package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/process"
)

// Prepare fetches the server's programs and makes the data folder, if they are missing. It
// starts nothing and keeps the data of an earlier server.
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
		server.port, err = process.FreePort()
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
	return s.initialize(ctx)
}

// initialize runs initdb once per folder. It works under another name and renames the folder at
// the end, so an existing cluster is complete and the remains of an interrupted start have the
// other name.
func (s *Server) initialize(ctx context.Context) error {
	if _, err := os.Stat(s.data); err == nil {
		return nil
	}
	scratch := filepath.Join(s.folder, "making")
	if err := os.RemoveAll(scratch); err != nil {
		return err
	}
	password := filepath.Join(s.folder, "password")
	defer os.Remove(password)
	if err := s.user.WriteFile(password, s.password); err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.home, "bin", "initdb"), "-D", scratch,
		"--username="+User, "--pwfile="+password, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
		"--data-checksums")
	cmd.Dir = s.folder
	cmd.Env = environment()
	if err := child.Run(ctx, cmd, child.Options{User: s.user}); err != nil {
		return err
	}
	return os.Rename(scratch, s.data)
}
