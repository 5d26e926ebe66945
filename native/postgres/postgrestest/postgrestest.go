// Package postgrestest gives every test a database of its own on a real Postgres server. Each
// test program has one server. The first test that needs the server starts it. The server stops
// with the program, even if the program is killed, and its data is deleted.
package postgrestest

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"codebank.dev/native/postgres"
)

// startTimeout bounds the start of the server, including its download.
const startTimeout = 5 * time.Minute

// shared is the server of this test program. It is a package variable because the functions
// below get only a test.
var shared struct {
	once      sync.Once
	server    *guardedServer
	err       error
	databases atomic.Int64
}

// Shared returns the server of this test program and starts it at the first call. The test
// fails if the server does not start. Its commits are not flushed to disk. A test that stops or
// kills the server, or tests what a crash leaves, takes a server of its own with [Own].
func Shared(t testing.TB) *postgres.Server {
	t.Helper()
	shared.once.Do(func() {
		// Here every test creates and drops a database, and each is a checkpoint. No test of
		// this server depends on fsync.
		shared.server, shared.err = start(postgres.Options{Settings: map[string]string{"fsync": "off"}})
	})
	if shared.err != nil {
		t.Fatalf("no Postgres to test with: %v", shared.err)
	}
	return shared.server.Server
}

// Database returns the address of a new, empty database on the shared server. The database and
// its sessions are dropped at the end of the test.
func Database(t testing.TB) string {
	t.Helper()
	server := Shared(t)
	name := "test_" + strconv.FormatInt(shared.databases.Add(1), 10)
	if err := server.CreateDatabase(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.DropDatabase(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return server.URL(name)
}

// Own starts a server for one test, which may stop, freeze and kill it. It is removed at the
// end of the test. Options.Dir is set here.
func Own(t testing.TB, options postgres.Options) *postgres.Server {
	t.Helper()
	server, err := start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.remove(); err != nil {
			t.Error(err)
		}
	})
	return server.Server
}

// guardedServer is a server with a process that cleans up after it.
type guardedServer struct {
	*postgres.Server
	cleaner *exec.Cmd
	// lifeline is open as long as the server is needed. The cleaner acts when it closes.
	lifeline io.Closer
}

func start(options postgres.Options) (*guardedServer, error) {
	dir, err := os.MkdirTemp("", "codebank-postgres-")
	if err != nil {
		return nil, err
	}
	// The user who runs the server must be able to pass through this folder.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, err
	}
	options.Dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	server, err := postgres.Start(ctx, options)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w := &guardedServer{Server: server}
	if err := w.startCleaner(dir); err != nil {
		return nil, errors.Join(err, server.Remove())
	}
	return w, nil
}

// cleanupScript waits until its input ends, which happens when the test program ends. Then it
// stops the server if it still runs, and deletes its folders. It is a process of its own,
// because a test program that panics, runs into its time limit or is killed runs no deferred
// function. The server removes its pid file last, so the file says which process to stop and
// when it has stopped.
const cleanupScript = `read -r _
file=$1/cluster/postmaster.pid
if read -r pid 2>/dev/null <"$file"; then
	kill -QUIT "$pid" 2>/dev/null
	tries=0
	while [ -e "$file" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 200 ]; do
		sleep 0.05
		tries=$((tries + 1))
	done
fi
rm -rf "$1" "$2"`

// startCleaner starts the process that runs cleanupScript.
func (w *guardedServer) startCleaner(dir string) error {
	w.cleaner = exec.Command("/bin/sh", "-c", cleanupScript, "afterwards", w.Data(), dir)
	// A Ctrl-C at the terminal must not reach it, because it waits for the program's end.
	w.cleaner.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	lifeline, err := w.cleaner.StdinPipe()
	if err != nil {
		return err
	}
	w.lifeline = lifeline
	return w.cleaner.Start()
}

// remove stops the server and deletes its data before the end of the program.
func (w *guardedServer) remove() error {
	return errors.Join(w.Remove(), w.lifeline.Close(), w.cleaner.Wait())
}
