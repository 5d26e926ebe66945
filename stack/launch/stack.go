// Package launch runs the whole system on one machine as plain processes: Postgres, Kafka, the
// schema registry, Kafka Connect, Elasticsearch, and the programs of this repository. It uses
// no containers and no fakes. The command stack uses it. The end-to-end tests use it too, and
// kill, freeze and stop single processes.
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
	"codebank.dev/platform/mtls"
	"codebank.dev/stack/mailbox"
)

// BankCode is the code of the first bank of the stack.
const BankCode = "001"

// The databases on the one Postgres server. Each belongs to one service. The first two are those of the first
// bank; see [Institution] for those of others.
const (
	LedgerDatabase    = "bank_" + BankCode
	StatementDatabase = "statement_" + BankCode
	CheckoutDatabase  = "checkout"
	IdentityDatabase  = "identity"
	GatewayDatabase   = "gateway"
	CodePixDatabase   = "codepix"
)

// The names of the processes and tasks, in the order of the table. Bank and Statement are those of the first
// bank; see [Institution] for those of others.
const (
	Postgres        = "postgres"
	Kafka           = "kafka"
	Elasticsearch   = "elasticsearch"
	Registry        = "registry"
	Connect         = "connect"
	Databases       = "databases"
	Programs        = "programs"
	Migrations      = "migrations"
	Certificates    = "certificates"
	Mail            = "mail"
	Keys            = "keys"
	Identity        = "identity"
	Bank            = "bank"
	Statement       = "statement"
	Checkout        = "checkout"
	Gateway         = "gateway"
	Banking         = "banking"
	PaymentGateway  = "payment-gateway"
	Processor       = "payment-processor"
	CodePix         = "codepix"
	Apply           = "apply"
	ConnectorsWatch = "watch"
	Dashboards      = "dashboards"
)

// ErrInUse is returned by [Stack.Start] if another launcher runs on the same folder.
var ErrInUse = errors.New("another stack runs on this folder")

// ErrNotAStack is returned by [Stack.Wipe] for a folder that no stack has made.
var ErrNotAStack = errors.New("the folder was not made by a stack, so it is not deleted")

// ErrNotRunning is returned by methods that need a running stack.
var ErrNotRunning = errors.New("no stack runs on this folder")

// Config says which stack to run.
type Config struct {
	// Dir is the folder for all data, logs and secrets of the stack. The files of an earlier
	// stack are used again. Empty means .stack/up in the repository.
	Dir string
	// BasePort is the first of the [PortCount] ports of the stack; zero means
	// [DefaultBasePort].
	BasePort int
	// Out gets a line for everything that is fetched, started, ready and stopped; nil means no
	// lines.
	Out io.Writer
	// Adjust may change the settings of a process before each start: the settings of a service,
	// by the names of its flags, or the variables and secrets of Connect. It gets the name in the table. It
	// may be nil. Tests use it to put proxies between processes.
	Adjust func(name string, settings map[string]string)
	// LedgerFirst lowers the priority of Connect and Elasticsearch, which only follow the
	// ledger. When the processors are busy, purchases come first and the copies catch up later.
	// Without it the copies stay almost current, however busy the machine is with other work.
	LedgerFirst bool
}

// Stack is one whole system, running or not. It is safe for concurrent use.
type Stack struct {
	dir       string
	addresses Addresses
	out       io.Writer
	adjust    func(name string, settings map[string]string)
	nice      int // of the processes that only follow the ledger
	outMutex  sync.Mutex
	store     *dist.Store
	user      *child.User
	group     *process.Group
	unlock    func()
	walls     *walls
	mail      *mailbox.Server

	// server is set when the database server was prepared.
	server atomic.Pointer[postgres.Server]
}

// Open describes a stack and starts nothing. It fails outside the repository and for an invalid
// base port.
func Open(config Config) (*Stack, error) {
	s := &Stack{out: config.Out, adjust: config.Adjust}
	if config.LedgerFirst {
		s.nice = followerNice
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
	if s.store, err = dist.Open(func(message string) { s.printProgress("stack", message) }); err != nil {
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
	s.walls = &walls{folder: filepath.Join(s.dir, "tls"), files: make(map[string]*mtls.Files)}
	s.group = process.NewGroup(filepath.Join(s.dir, "logs"), s.printProgress)
	s.addRows()
	return s, nil
}

// printProgress writes one line of progress.
func (s *Stack) printProgress(name, message string) {
	s.outMutex.Lock()
	defer s.outMutex.Unlock()
	_, _ = fmt.Fprintf(s.out, "%-14s %s\n", name, message)
}

// Dir is the folder with all files of this stack.
func (s *Stack) Dir() string { return s.dir }

// Root is the top folder of the repository.
func (s *Stack) Root() string { return s.store.Root() }

// Addresses are the addresses of the parts.
func (s *Stack) Addresses() Addresses { return s.addresses }

// Process returns a process of the table by one of the names above; nil if this stack does not
// have it.
func (s *Stack) Process(name string) *process.Process { return s.group.Process(name) }

// Processes lists the processes and tasks in the order of the table.
func (s *Stack) Processes() []*process.Process { return s.group.Processes() }

// Start starts everything and waits until all of it is ready, including schemas, topics,
// indices and connectors. With names it starts only those processes and what they need. On
// failure nothing runs, and the error names the process and shows the end of its log. A second
// stack on the same folder gets [ErrInUse].
func (s *Stack) Start(ctx context.Context, only ...string) error {
	unlock, ok, err := dist.TryLock(s.lockFile())
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("%w: %s", ErrInUse, s.dir)
	}
	if err := s.group.Start(ctx, only...); err != nil {
		s.closeMail()
		unlock()
		return err
	}
	s.unlock = unlock
	return nil
}

// Wait returns nil when ctx ends. It returns a failure when a process ends that nobody has
// stopped, killed or signalled through its [process.Process].
func (s *Stack) Wait(ctx context.Context) error { return s.group.Wait(ctx) }

// Stop stops everything in the reverse order. A process that does not stop in its time, or
// before ctx ends, is killed. The data stays.
func (s *Stack) Stop(ctx context.Context) error {
	err := s.group.Stop(ctx)
	s.closeMail()
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
	return err
}

func (s *Stack) closeMail() {
	if s.mail != nil {
		s.mail.Close()
		s.mail = nil
	}
}

// Healthy checks every running process and returns the errors of those that are not ready.
func (s *Stack) Healthy(ctx context.Context) error {
	var errs []error
	for _, row := range s.Processes() {
		errs = append(errs, row.Ready(ctx))
	}
	return errors.Join(errs...)
}

// Wipe deletes everything that a stack on this folder has stored. A missing folder is not an
// error. It fails with [ErrInUse] while a stack runs, and with [ErrNotAStack] for a folder with
// other files.
func (s *Stack) Wipe() error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Stat(s.lockFile()); err != nil && len(entries) > 0 {
		return fmt.Errorf("%w: %s", ErrNotAStack, s.dir)
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
