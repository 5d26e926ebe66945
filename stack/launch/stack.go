// Package launch runs the whole system on one machine as plain processes:
// Postgres, Kafka, the schema registry, Kafka Connect and Elasticsearch, and
// the programs of this repository. Nothing runs in a container and nothing is
// a stand-in. The command stack uses it, and so do the end-to-end tests, which
// do to single processes what the world may do to them.
package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"codebank.dev/native/child"
	"codebank.dev/native/dist"
	"codebank.dev/native/postgres"
	"codebank.dev/native/process"
)

// BankCode is the code of the bank that the stack runs.
const BankCode = "001"

// The databases in the one Postgres, each owned by one service.
const (
	LedgerDatabase    = "bank_" + BankCode
	StatementDatabase = "statement_" + BankCode
	CheckoutDatabase  = "checkout"
)

// The names of the processes and tasks, in the order of the table.
const (
	Postgres      = "postgres"
	Kafka         = "kafka"
	Elasticsearch = "elasticsearch"
	Registry      = "registry"
	Connect       = "connect"
	Databases     = "databases"
	Programs      = "programs"
	Keys          = "keys"
	Bank          = "bank"
	Statement     = "statement"
	Checkout      = "checkout"
	Apply         = "apply"
	Watch         = "watch"
)

// ErrInUse is returned by [Stack.Start] when another launcher runs on the same folder.
var ErrInUse = errors.New("another stack runs on this folder")

// ErrForeign is returned by [Stack.Wipe] for a folder that no stack has made.
var ErrForeign = errors.New("no stack has made this folder, so it is not deleted")

// ErrNotRunning is returned by what needs a running stack.
var ErrNotRunning = errors.New("no stack runs on this folder")

// Config says which stack to run.
type Config struct {
	// Dir holds everything the stack stores, logs and keeps secret. What an
	// earlier stack left there is used again. Empty is .stack/up in the repository.
	Dir string
	// BasePort is the first of the [PortCount] ports of the stack; zero is
	// [DefaultBasePort].
	BasePort int
	// Out is told in a line each what is fetched, started, ready and stopped; nil
	// keeps silent.
	Out io.Writer
	// Adjust may change what a process of the table is about to be told: the settings
	// of a service by the names of its flags, the variables of Connect. It is asked at
	// every start, with the name in the table, and may be nil. Tests put proxies between
	// processes with it.
	Adjust func(name string, settings map[string]string)
	// LedgerFirst has Connect and Elasticsearch, which only follow the ledger, give way when
	// the processors are short: a purchase comes first, and its copies catch up. Without it
	// they keep up, or nearly so, however busy the machine is with other things.
	LedgerFirst bool
}

// Stack is one whole system, running or not. It is safe for concurrent use.
type Stack struct {
	dir       string
	addresses Addresses
	out       io.Writer
	adjust    func(name string, settings map[string]string)
	nice      int // of what only follows the ledger
	turn      sync.Mutex
	store     *dist.Store
	user      *child.User
	group     *process.Group
	unlock    func()

	// server is there once the database server was prepared.
	server atomic.Pointer[postgres.Server]
}

// Open describes a stack without starting or making anything. It fails outside
// the repository and on a port range that cannot be.
func Open(config Config) (*Stack, error) {
	s := &Stack{out: config.Out, adjust: config.Adjust}
	if config.LedgerFirst {
		s.nice = giveWay
	}
	if s.out == nil {
		s.out = io.Discard
	}
	if s.adjust == nil {
		s.adjust = func(string, map[string]string) {}
	}
	if config.BasePort == 0 {
		config.BasePort = DefaultBasePort
	}
	if err := checkBasePort(config.BasePort); err != nil {
		return nil, err
	}
	s.addresses = Addresses{BasePort: config.BasePort}
	var err error
	if s.store, err = dist.Open(func(message string) { s.say("stack", message) }); err != nil {
		return nil, err
	}
	if config.Dir == "" {
		config.Dir = filepath.Join(s.store.Root(), ".stack", "up")
	}
	if s.dir, err = filepath.Abs(config.Dir); err != nil {
		return nil, err
	}
	if s.user, err = child.Unprivileged(); err != nil {
		return nil, err
	}
	s.group = process.NewGroup(filepath.Join(s.dir, "logs"), s.say)
	s.table()
	return s, nil
}

// say writes one line of progress.
func (s *Stack) say(name, message string) {
	s.turn.Lock()
	defer s.turn.Unlock()
	_, _ = fmt.Fprintf(s.out, "%-14s %s\n", name, message)
}

// Dir is the folder that holds everything of this stack.
func (s *Stack) Dir() string { return s.dir }

// Root is the top folder of the repository.
func (s *Stack) Root() string { return s.store.Root() }

// Addresses is where the parts are found.
func (s *Stack) Addresses() Addresses { return s.addresses }

// Process returns a process of the table by one of the names above, nil if it
// is not part of this stack.
func (s *Stack) Process(name string) *process.Process { return s.group.Process(name) }

// Processes lists the processes and tasks in the order of the table.
func (s *Stack) Processes() []*process.Process { return s.group.Processes() }

// Start starts everything and waits until all of it answers, the schemas,
// topics, indices and connectors included. On failure nothing runs, and the
// error names the process and shows the end of its log. Of two stacks on one
// folder the second gets [ErrInUse]. With names only those processes start, and
// what they need.
func (s *Stack) Start(ctx context.Context, only ...string) error {
	unlock, ok, err := dist.TryLock(s.lockFile())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrInUse, s.dir)
	}
	if err := s.group.Start(ctx, only...); err != nil {
		unlock()
		return err
	}
	s.unlock = unlock
	return nil
}

// Wait returns nil when ctx ends, or what happened when a process ended that
// nobody had stopped, killed or signalled through its [process.Process].
func (s *Stack) Wait(ctx context.Context) error { return s.group.Wait(ctx) }

// Stop stops everything in the reverse order. What does not stop in the time
// that it has, or when ctx ends, is killed. Data stays.
func (s *Stack) Stop(ctx context.Context) error {
	err := s.group.Stop(ctx)
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
	return err
}

// Healthy asks every running part whether it does its work, and returns what
// those say that do not.
func (s *Stack) Healthy(ctx context.Context) error {
	var errs []error
	for _, row := range s.Processes() {
		errs = append(errs, row.Ready(ctx))
	}
	return errors.Join(errs...)
}

// Wipe deletes what a stack on this folder has stored, wherever it is; an
// absent folder is fine. It fails with [ErrInUse] while one runs, and with
// [ErrForeign] on a folder with other things in it.
func (s *Stack) Wipe() error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.lockFile()); err != nil && len(entries) > 0 {
		return fmt.Errorf("%w: %s", ErrForeign, s.dir)
	}
	unlock, ok, err := dist.TryLock(s.lockFile())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrInUse, s.dir)
	}
	defer unlock()
	return errors.Join(
		os.RemoveAll(child.Shelter(filepath.Join(s.postgresDir(), "data"))),
		os.RemoveAll(child.Shelter(s.elasticsearchDir())),
		os.RemoveAll(s.dir),
	)
}

func (s *Stack) lockFile() string { return filepath.Join(s.dir, "lock") }
