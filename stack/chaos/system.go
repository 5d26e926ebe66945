package chaos

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"sync"
	"time"

	"codebank.dev/native/process"
	"codebank.dev/stack/chaos/wire"
	"codebank.dev/stack/launch"
	"codebank.dev/stack/pipes"
	"github.com/jackc/pgx/v5"
)

// bankNames are the two banks on one ledger.
var bankNames = [...]string{launch.Bank, "bank-2"}

// secondBankOffset is the first port of the second bank, counted from the base port.
const secondBankOffset = 50

// server is a process under test.
type server struct {
	process *process.Process
	grpc    string // its own, not that of a proxy
	http    string
	// mutex is held by the fault that acts on the process.
	mutex sync.Mutex
}

// system is the stack with proxies between its parts.
type system struct {
	stack *launch.Stack

	mutex sync.Mutex
	// links are the proxies, by name. The name says who connects to whom.
	links map[string]*wire.Proxy
	index *wire.HTTP
	// points are failpoints for the next start of a process, by process.
	points map[string]string

	banks   []*server
	servers map[string]*server
}

// newSystem describes the stack of a run. Its parts reach one another through proxies.
func newSystem(config launch.Config) (*system, error) {
	s := &system{links: make(map[string]*wire.Proxy), points: make(map[string]string), servers: make(map[string]*server)}
	config.Adjust = s.adjust
	var err error
	s.stack, err = launch.Open(config)
	return s, err
}

// link returns the proxy with a name. It opens the proxy at the first call.
func (s *system) link(name, target string) (*wire.Proxy, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.links[name] == nil {
		proxy, err := wire.Listen(target)
		if err != nil {
			return nil, err
		}
		s.links[name] = proxy
	}
	return s.links[name], nil
}

// Names of links. Each says who connects to whom.
const (
	clientsTo           = "clients to "
	checkoutToBank      = "checkout to bank"
	toLedger            = " to its ledger"
	statementToDatabase = "statement to its database"
	sinkToDatabase      = "sink to the statement's database"
	gatewayToBank       = "gateway to bank"
	gatewayToDatabase   = "gateway to its database"
	paymentsToDatabase  = "payment gateway to its database"
	processorToDatabase = "payment processor to its database"
	processorToBank     = "payment processor to bank"
	hubToDatabase       = "hub to its database"
)

var jdbcHost = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// adjust puts the addresses of proxies into the settings of a process. If a proxy cannot be
// opened, the process keeps the real address.
func (s *system) adjust(name string, settings map[string]string) {
	through := func(link, address string) string {
		proxy, err := s.link(link, address)
		if err != nil {
			return address
		}
		return proxy.Address()
	}
	database := func(link string) {
		parsed, err := url.Parse(settings["database-url"])
		if err != nil {
			return
		}
		parsed.Host = through(link, parsed.Host)
		settings["database-url"] = parsed.String()
	}
	s.mutex.Lock()
	if point := s.points[name]; point != "" {
		settings["failpoint"] = point
	}
	s.mutex.Unlock()
	switch name {
	case launch.Identity:
	case launch.Gateway:
		database(gatewayToDatabase)
		settings["bank-address"] = through(gatewayToBank, settings["bank-address"])
	case launch.PaymentGateway:
		database(paymentsToDatabase)
	case launch.Processor:
		database(processorToDatabase)
		settings["bank-address"] = through(processorToBank, settings["bank-address"])
	case launch.Statement:
		database(statementToDatabase)
	case launch.Checkout:
		settings["bank-address"] = through(checkoutToBank, settings["bank-address"])
		settings["shops"] = caller
	case launch.Connect, secondWorker:
		jdbc := launch.FirstBank().SinkSecret("url")
		settings[jdbc] = jdbcHost.ReplaceAllStringFunc(settings[jdbc], func(host string) string { return through(sinkToDatabase, host) })
		if index, err := s.indexProxy(); err == nil {
			settings["CODEBANK_ELASTICSEARCH_URL"] = index.URL()
		}
	case launch.CodePix:
		database(hubToDatabase)
	case launch.FirstBank().Banking(), launch.SecondBank().Banking(): // Nobody looks at pages in a run.
	case launch.SecondBank().Bank, launch.SecondBank().Statement: // No connection of theirs is faulty.
	default: // a bank, or a copy of it
		database(name + toLedger)
		settings["operators"], settings["acquirers"] = operator, "checkout,"+launch.Processor+","+caller
		settings["namespaces"] = operator + "=" + caller
	}
}

// setFailpoint makes a process die at a failpoint after its next start. The point "" removes
// the failpoint.
func (s *system) setFailpoint(name, point string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.points[name] = point
}

func (s *system) indexProxy() (*wire.HTTP, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var err error
	if s.index == nil {
		s.index, err = wire.ListenHTTP(s.stack.Addresses().Elasticsearch())
	}
	return s.index, err
}

// start starts the stack and the second bank.
func (s *system) start(ctx context.Context) error {
	if err := s.stack.Start(ctx); err != nil {
		return err
	}
	base := s.stack.Addresses().BasePort
	second := launch.Copy{Name: bankNames[1], GRPCPort: base + secondBankOffset, HTTPPort: base + secondBankOffset + 1}
	row, err := s.stack.Replica(ctx, launch.Bank, second)
	if err != nil {
		return err
	}
	s.banks = []*server{
		{process: s.stack.Process(launch.Bank), grpc: s.stack.Addresses().BankGRPC(), http: s.stack.Addresses().BankHTTP()},
		{process: row, grpc: fmt.Sprintf("127.0.0.1:%d", second.GRPCPort), http: fmt.Sprintf("127.0.0.1:%d", second.HTTPPort)},
	}
	for _, name := range []string{launch.Postgres, launch.Kafka, launch.Registry, launch.Connect, launch.Elasticsearch, launch.Checkout, launch.Statement, launch.Identity, launch.Gateway, launch.PaymentGateway, launch.Processor, launch.ConnectorsWatch, launch.CodePix, launch.SecondBank().Bank} {
		s.servers[name] = &server{process: s.stack.Process(name)}
	}
	return nil
}

// connect opens the clients' connections through proxies of their own.
func (s *system) connect(perBank int) (*clients, error) {
	var banks []string
	for i, bank := range s.banks {
		proxy, err := s.link(clientsTo+bankNames[i], bank.grpc)
		if err != nil {
			return nil, err
		}
		banks = append(banks, proxy.Address())
	}
	return s.dialAll(banks, perBank)
}

// heal removes every fault from the connections and starts the processes that do not run.
func (s *system) heal(ctx context.Context) error {
	for _, link := range s.links {
		link.Set(wire.Condition{})
	}
	if s.index != nil {
		s.index.Override(nil)
	}
	for _, row := range s.stack.Processes() {
		if row.Ready(ctx) == nil {
			continue
		}
		if !row.Running() {
			if err := row.Start(ctx); err != nil {
				return err
			}
		}
		if err := pipes.Await(ctx, restartTimeout, row.Ready); err != nil {
			return err
		}
	}
	return nil
}

// database opens a connection to one of the databases. The caller closes it.
func (s *system) database(ctx context.Context, name string) (*pgx.Conn, error) {
	url, err := s.stack.DatabaseURL(ctx, name)
	if err != nil {
		return nil, err
	}
	return pgx.Connect(ctx, url)
}

// stop stops everything.
func (s *system) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
	defer cancel()
	err := s.stack.Stop(ctx)
	for _, link := range s.links {
		link.Close()
	}
	if s.index != nil {
		s.index.Close()
	}
	return err
}

// deadProcesses returns the names of the processes that should run and do not.
func (s *system) deadProcesses() []string {
	var names []string
	for _, row := range s.stack.Processes() {
		if err := row.Ready(context.Background()); err != nil && !row.Running() {
			names = append(names, row.Name())
		}
	}
	return names
}
