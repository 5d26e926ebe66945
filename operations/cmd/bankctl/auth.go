package main

import (
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/elasticsearch"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/schemaregistry"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
)

// auth has the settings of TLS and credentials for the servers that all commands share.
type auth struct {
	kafka, registry, connect, elasticsearch *clientauth.Settings
}

// bind defines the flags.
func (a *auth) bind(flags *pflag.FlagSet) {
	a.kafka, a.registry = clientauth.Kafka(), clientauth.Registry()
	a.connect, a.elasticsearch = clientauth.Connect(), clientauth.Elasticsearch()
	for _, server := range []*clientauth.Settings{a.kafka, a.registry, a.connect, a.elasticsearch} {
		server.Bind(flags)
	}
}

// opened makes a client of a server with what the settings say about it. An error is about the
// settings, or about the address, which is the value of a flag.
func opened[C any](settings *clientauth.Settings, flag string, open func(*clientauth.Client) (C, error)) (client C, err error) {
	auth, err := settings.Open()
	if err != nil {
		return client, &misuse{cause: err}
	}
	if client, err = open(auth); err != nil {
		return client, misused(flag, err)
	}
	return client, nil
}

// brokers returns a client of the brokers, which may be away, and what explains its errors. The
// caller closes it.
func (a *application) brokers(options ...kgo.Opt) (*kgo.Client, *clientauth.Client, error) {
	var auth *clientauth.Client
	client, err := opened(a.auth.kafka, "kafka-brokers", func(opened *clientauth.Client) (*kgo.Client, error) {
		auth = opened
		if err := auth.CheckAddresses(a.kafkaBrokers); err != nil {
			return nil, err
		}
		options = append(options, kgo.SeedBrokers(a.kafkaBrokers...), kgo.ClientID("bankctl"))
		return kgo.NewClient(append(options, kafkaauth.Options(auth)...)...)
	})
	return client, auth, err
}

// registry returns a client of the registry at --registry-url.
func (a *application) registry() (*schemaregistry.Registry, error) {
	return opened(a.auth.registry, "registry-url", func(auth *clientauth.Client) (*schemaregistry.Registry, error) {
		return schemaregistry.New(a.registryURL, auth)
	})
}

// registryAt returns a client of a registry that a connector names. It gets the credentials only if
// it is the one of --registry-url.
func (a *application) registryAt(address string) (*schemaregistry.Registry, error) {
	return opened(a.auth.registry, "registry-url", func(auth *clientauth.Client) (*schemaregistry.Registry, error) {
		if address != a.registryURL {
			auth = auth.WithoutCredentials()
		}
		return schemaregistry.New(address, auth)
	})
}

// elasticsearch returns a client of the nodes at --elasticsearch-url.
func (a *application) elasticsearch() (*elasticsearch.Client, error) {
	return opened(a.auth.elasticsearch, "elasticsearch-url", func(auth *clientauth.Client) (*elasticsearch.Client, error) {
		return elasticsearch.New(a.elasticsearchURL, auth)
	})
}

// worker returns a client of the Connect worker at --connect-url.
func (a *application) worker() (*kafkaconnect.Client, error) {
	return opened(a.auth.connect, "connect-url", func(auth *clientauth.Client) (*kafkaconnect.Client, error) {
		return kafkaconnect.New(a.connectURL, auth)
	})
}
