// Package postgrestest gives every test a database of its own on a real
// Postgres server. One server is started per test program, by the first test
// that asks; it ends with the program, however that ends, and its data goes with it.
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

// startTimeout bounds the start of the server, its download included.
const startTimeout = 5 * time.Minute

// shared is the one server of this test program. The functions below take a
// test and nothing else, so there is no other place it could live.
var shared struct {
	once      sync.Once
	server    *watched
	err       error
	databases atomic.Int64
}

// Shared returns the server of this test program and starts it when no test
// has asked before. Its commits are not flushed to the disk: what a crash leaves
// is tested on a server of its own, see [Own]. The test fails when it does not start. Tests that stop
// or kill the server take one of their own with [Own] instead.
func Shared(t testing.TB) *postgres.Server {
	t.Helper()
	shared.once.Do(func() {
		// What a crash would leave is tested on servers of their own. Here every test
		// makes and drops a database, which is a checkpoint each.
		shared.server, shared.err = start(postgres.Options{Settings: map[string]string{"fsync": "off"}})
	})
	if shared.err != nil {
		t.Fatalf("no Postgres to test with: %v", shared.err)
	}
	return shared.server.Server
}

// Database returns the address of a new, empty database on the shared server.
// It is dropped at the end of the test, with whatever sessions are left in it.
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

// Own starts a server for one test, which may stop, freeze and kill it. It is
// removed at the end of the test. Options.Dir is set here.
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

// watched is a server with the process that clears up after it.
type watched struct {
	*postgres.Server
	watcher *exec.Cmd
	// lifeline is held open for as long as the server is wanted; the watcher acts
	// when it closes.
	lifeline io.Closer
}

func start(options postgres.Options) (*watched, error) {
	dir, err := os.MkdirTemp("", "codebank-postgres-")
	if err != nil {
		return nil, err
	}
	// The user who runs the server must be able to pass through.
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
	w := &watched{Server: server}
	if err := w.watch(dir); err != nil {
		return nil, errors.Join(err, server.Remove())
	}
	return w, nil
}

// afterwards waits until its input ends, which is when the test program does,
// stops the server if it still runs, and deletes its folders. It is a process
// of its own because a test that panics, runs into its time limit or is killed
// runs no deferred function. The server removes its pid file as the last thing
// it does, so the file tells both whom to stop and when that is done.
const afterwards = `read -r _
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

// watch starts the process that runs afterwards.
func (w *watched) watch(dir string) error {
	w.watcher = exec.Command("/bin/sh", "-c", afterwards, "afterwards", w.Data(), dir)
	// Out of reach of a Ctrl-C at the terminal, which is what it waits for.
	w.watcher.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	lifeline, err := w.watcher.StdinPipe()
	if err != nil {
		return err
	}
	w.lifeline = lifeline
	return w.watcher.Start()
}

// remove stops the server and deletes its data without waiting for the end of
// the program.
func (w *watched) remove() error {
	return errors.Join(w.Remove(), w.lifeline.Close(), w.watcher.Wait())
}
