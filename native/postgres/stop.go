package postgres

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// Stop shuts the server down: it ends the sessions, rolls back uncommitted work and writes
// everything to disk. It returns when the server has ended. If ctx ends first, it kills the
// server, which loses nothing that was committed. It does nothing if the server is stopped.
func (s *Server) Stop(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.stop(ctx)
}

func (s *Server) stop(ctx context.Context) error {
	if s.process == nil {
		return nil
	}
	if s.process.Ended() {
		s.process = nil
		return nil
	}
	// A frozen server cannot receive the signal.
	err := errors.Join(s.process.Signal(syscall.SIGCONT), s.process.Signal(StopSignal))
	if err != nil {
		s.kill()
		return err
	}
	select {
	case <-s.process.Done():
		s.process = nil
		return nil
	case <-ctx.Done():
		s.kill()
		return ctx.Err()
	}
}

// Kill kills the server at once, as a power failure would. It returns when no process of the
// server runs. [Server.Restart] then recovers the committed data.
func (s *Server) Kill() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.kill()
}

func (s *Server) kill() {
	if s.process != nil {
		s.process.KillTree()
		s.process = nil
	}
}

// Remove kills the server and deletes its folder with all data.
func (s *Server) Remove() error {
	s.Kill()
	return errors.Join(os.RemoveAll(s.folder), os.RemoveAll(s.options.Dir))
}
