package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/provision"
)

const (
	// quiet is how long waiting goes on before it is told, and repeat how often after.
	quiet  = 2 * time.Second
	repeat = 10 * time.Second
	// pingTimeout bounds one try to reach a broker.
	pingTimeout = 3 * time.Second
)

// patiently returns a context that ends after --timeout and tells, on the error
// stream, what is being waited for.
func (a *application) patiently(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	since := time.Now()
	told := since.Add(quiet - repeat)
	return provision.WithWaiting(ctx, func(what string, err error) {
		if time.Since(told) < repeat {
			return
		}
		told = time.Now()
		fmt.Fprintf(a.streams.err, "waiting for %s (%v so far): %s\n",
			what, time.Since(since).Round(time.Second), harmless(err.Error()))
	}), cancel
}

// kafka returns a client of brokers that have answered; it waits for those that are
// starting. The caller closes it.
func (a *application) kafka(ctx context.Context) (*kgo.Client, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(a.kafkaBrokers...), kgo.ClientID("bankctl"),
		// The commands ask about what was changed a moment ago.
		kgo.MetadataMinAge(250*time.Millisecond))
	if err != nil {
		return nil, misused("kafka-brokers", err)
	}
	err = provision.Await(ctx, "Kafka", func(ctx context.Context) error {
		try, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		err := client.Ping(try)
		if err != nil && ctx.Err() == nil {
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
