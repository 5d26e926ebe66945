// Package settings has what the payment gateway and its processor are both told: their database, the brokers and the
// registry, the keys of their records, and a failpoint for tests.
package settings

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/failpoints"
	hookpoints "codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/schemas/command"
)

// Settings are these settings. Bind them before the flags are parsed, and Open them after.
type Settings struct {
	// DatabaseURL is a secret.
	DatabaseURL    string
	MaxConnections int
	Brokers        []string
	// BrokerAuth says how to sign in to the brokers; nil for plain connections.
	BrokerAuth *clientauth.Client
	Registry   *registry.Registry
	// Keys sign records and verify them. Key is the one that signs.
	Keys      *command.Keys
	Key       *command.Key
	Failpoint failpoint.Hook

	brokers, registryURL, keyFile, failpoint string
	broker, registry                         *clientauth.Settings
}

// Bind adds the flags.
func (s *Settings) Bind(flags *flag.FlagSet) {
	flags.StringVar(&s.DatabaseURL, "database-url", "", "`url` of checkout's Postgres; required. It is a secret: prefer the environment variable, or that of a file that holds it")
	flags.IntVar(&s.MaxConnections, "max-connections", 0, "the most connections to the database; 0 for the usual number")
	flags.StringVar(&s.brokers, "kafka-brokers", "", "`host:port,…` of the brokers; required; they may be away")
	flags.StringVar(&s.registryURL, "registry-url", "", "the schema registry's `url` (Confluent API); required; it may be away")
	flags.StringVar(&s.keyFile, "charge-keys", "", "`file` with the keys of the records between the payment gateway and its processor, mode 0600; required. Make it with `bankctl command-keys add "+accept.Producer+"`")
	s.broker, s.registry = clientauth.Kafka(), clientauth.Registry()
	s.broker.Bind(flags)
	s.registry.Bind(flags)
	flags.StringVar(&s.failpoint, "failpoint", "", failpoint.Usage(points()))
}

// points are the failpoints of both programs.
func points() []failpoint.Point { return slices.Concat(failpoints.All(), hookpoints.All()) }

// Open reads the files and checks the addresses. Nothing has to answer. An error names the flag.
func (s *Settings) Open() (err error) {
	if s.DatabaseURL == "" || s.brokers == "" || s.registryURL == "" || s.keyFile == "" {
		return errors.New("--database-url, --kafka-brokers, --registry-url and --charge-keys are required")
	}
	s.Brokers = strings.Split(s.brokers, ",")
	if s.Failpoint, err = failpoint.Parse(s.failpoint, points()); err != nil {
		return err
	}
	if err := s.openAuth(); err != nil {
		return err
	}
	return s.openKeys()
}

func (s *Settings) openAuth() (err error) {
	if s.BrokerAuth, err = s.broker.Open(); err != nil {
		return err
	}
	if err := s.BrokerAuth.CheckAddresses(s.Brokers); err != nil {
		return err
	}
	auth, err := s.registry.Open()
	if err != nil {
		return err
	}
	client, err := registry.New(s.registryURL, registry.Timeout, auth)
	if err != nil {
		return fmt.Errorf("--registry-url: %w", err)
	}
	s.Registry = registry.Remember(client, auth)
	return nil
}

func (s *Settings) openKeys() error {
	content, err := keyfile.Read(s.keyFile)
	if err == nil {
		s.Keys, err = command.ParseKeys(content)
	}
	if err != nil {
		return fmt.Errorf("--charge-keys: %w", err)
	}
	if s.Key = s.Keys.Signer(accept.Producer); s.Key == nil {
		return errors.New("--charge-keys: the file has no key of the producer " + accept.Producer)
	}
	return nil
}

// Publisher returns what sends records. Close it at the end.
func (s *Settings) Publisher(program string, logger *slog.Logger) (*kafka.Publisher, error) {
	return kafka.New(kafka.Config{
		ClientID: "codebank-" + program, Brokers: s.Brokers, Registry: s.Registry, BrokerAuth: s.BrokerAuth, Logger: logger, Failpoint: s.Failpoint,
	})
}
