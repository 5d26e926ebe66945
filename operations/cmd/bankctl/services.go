package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank/postgres"
	"codebank.dev/operations/declared"
	"codebank.dev/operations/kafkaconnect"
	"codebank.dev/operations/output"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/clientauth/kafkaauth"
	"codebank.dev/platform/failpoint"
)

const (
	// quiet is how long a command waits for a service before it says that it waits.
	// noticeEvery is the time between two such notices.
	quiet       = 2 * time.Second
	noticeEvery = 10 * time.Second
	// pingTimeout bounds one try to reach a broker.
	pingTimeout = 3 * time.Second
)

// limited returns a context that ends after --timeout. While a command waits for a service
// with it, the error stream says for which.
func (a *application) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	since := time.Now()
	noticed := since.Add(quiet - noticeEvery)
	return provision.WithWaiting(ctx, func(what string, err error) {
		if time.Since(noticed) < noticeEvery {
			return
		}
		noticed = time.Now()
		fmt.Fprintf(a.streams.err, "waiting for %s (%v so far): %s\n",
			what, time.Since(since).Round(time.Second), output.Harmless(err.Error()))
	}), cancel
}

// kafka returns a client of the brokers once they answer. The caller closes it.
func (a *application) kafka(ctx context.Context) (*kgo.Client, error) {
	// The commands read topics that were changed a moment ago.
	client, auth, err := a.brokers(kgo.MetadataMinAge(250 * time.Millisecond))
	if err != nil {
		return nil, err
	}
	err = provision.Await(ctx, "Kafka", func(ctx context.Context) error {
		try, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		err := kafkaauth.Explain(auth, client.Ping(try))
		if err != nil && ctx.Err() == nil && !errors.As(err, new(*clientauth.Error)) {
			return provision.NotReady(err)
		}
		return err
	})
	if err != nil {
		client.Close()
		return nil, err
	}
	return client, nil
}

// ledger returns a client of the bank's database, which may be away. The caller closes it.
func (a *application) ledger(ctx context.Context) (*postgres.Store, error) {
	if err := required(setting{"ledger-database-url", a.ledgerDatabaseURL}); err != nil {
		return nil, err
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: a.ledgerDatabaseURL, MaxConnections: 2, ApplicationName: "bankctl",
		Failpoint: failpoint.From(ctx)})
	if err != nil {
		return nil, misused("ledger-database-url", err)
	}
	return store, nil
}

// connect returns a client of the Connect worker, and the connectors that the files
// declare for the bank and for all banks.
func (a *application) connect() (*kafkaconnect.Client, []kafkaconnect.Connector, error) {
	client, err := a.worker()
	if err != nil {
		return nil, nil, err
	}
	wanted, err := declared.Connectors(a.bankCode, a.connectSecrets)
	return client, wanted, err
}
