package postgres

import (
	"context"
	"errors"
	"os"
	"syscall"
)

// Stop shuts the server down: sessions are ended, what they had not committed
// is rolled back, and everything is written to disk. It returns when the
// server has ended; if ctx ends first, the server is killed, which loses
// nothing that was committed. Stopping a stopped server does nothing.
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
	// A server that was frozen could not hear the request to stop.
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

// Kill ends the server at once and without warning, the way a power failure
// would. It returns when no process of it runs any more; [Server.Restart]
// then recovers what was committed.
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

// Remove stops the server at once and deletes its folder with all data.
func (s *Server) Remove() error {
	s.Kill()
	return errors.Join(os.RemoveAll(s.folder), os.RemoveAll(s.options.Dir))
}
