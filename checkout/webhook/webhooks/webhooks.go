// Package webhooks is all that sends merchants' events to their endpoints, as a program opens and runs it.
//
//	webhooks.go  Webhooks: opening, preparing, running
//	settings.go  its flags
//	metrics.go   its figures
package webhooks

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/courier"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/checkout/webhook/queue"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
)

const (
	// workers is how many endpoints are served at a time, and how many that fail beside them.
	workers = 16
	// storeConnections and queueConnections bound the two pools of connections.
	storeConnections, queueConnections = 8, 6
)

// Config is what Webhooks work with. DatabaseURL, Feed, Keys and Logger are required.
type Config struct {
	// DatabaseURL is the address of checkout's database, for the payment gateway's role. Never log it.
	DatabaseURL string
	// Feed has the events of merchants.
	Feed payment.Feed
	// Keys seal the secrets of endpoints.
	Keys *webhook.Keys
	// Allowed are networks that messages of test mode may go to although they are not public, and Authorities are
	// trusted in test mode instead of those of the system: for developers' machines.
	Allowed     []netip.Prefix
	Authorities *x509.CertPool
	// Now is the clock; nil means time.Now.
	Now    func() time.Time
	Logger *slog.Logger
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Webhooks send merchants' events to their endpoints. Any number of processes may run them. Make one with Open.
type Webhooks struct {
	config     Config
	store      *postgres.Store
	jobs       *database.Pool
	runner     *queue.Runner
	dispatcher *courier.Dispatcher
	courier    *courier.Courier
}

// Open returns Webhooks without connecting, so the database may be away. An error means that the configuration cannot
// be used; it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Webhooks, error) {
	if config.Keys == nil {
		return nil, errors.New("webhooks: no keys for the secrets of endpoints: --webhook-key is required")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	enqueuer, err := queue.NewEnqueuer()
	if err != nil {
		return nil, err
	}
	w := &Webhooks{config: config}
	w.store, err = postgres.Open(ctx, postgres.Config{
		URL: config.DatabaseURL, MaxConnections: storeConnections, Keys: config.Keys, Jobs: enqueuer, Failpoint: config.Failpoint,
	})
	if err != nil {
		return nil, err
	}
	w.jobs, err = database.Open(ctx, database.Config{
		URL: config.DatabaseURL, ApplicationName: "payment-gateway jobs", MaxConnections: queueConnections,
	})
	if err != nil {
		w.store.Close()
		return nil, err
	}
	w.courier = courier.New(courier.Config{
		Store: w.store, Now: config.Now, Failpoint: config.Failpoint,
		Test: webhook.NewSender(webhook.SenderConfig{Allowed: config.Allowed, Authorities: config.Authorities, Timeout: courier.Timeout, Now: config.Now}),
		Live: webhook.NewSender(webhook.SenderConfig{Timeout: courier.Timeout, Now: config.Now}),
	})
	w.dispatcher = courier.NewDispatcher(courier.DispatcherConfig{Store: w.store, Feed: config.Feed, Now: config.Now, Logger: config.Logger})
	w.runner, err = queue.NewRunner(queue.Config{
		Pool: w.jobs.Pool, Work: queue.Work{Deliver: w.courier.Deliver, Care: w.care}, Workers: workers, Logger: config.Logger,
	})
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close ends all connections. Run must have ended.
func (w *Webhooks) Close() {
	w.jobs.Close()
	w.store.Close()
}

// Store keeps the endpoints, for the routes that merchants change them by.
func (w *Webhooks) Store() *postgres.Store { return w.store }

// Wake says that there are new events. Without it they are found a quarter of a second later.
func (w *Webhooks) Wake() { w.dispatcher.Wake() }

// Ready returns nil when Prepare has succeeded and the database has what calls need, else a fault.Unavailable that
// says what the program waits for.
func (w *Webhooks) Ready(ctx context.Context) error { return w.store.Ready(ctx) }

// Prepare waits until the database answers and has had the migrations of a schema. Call it once, before Run.
func (w *Webhooks) Prepare(ctx context.Context, schema database.Schema) error {
	return w.store.Prepare(ctx, w.config.Logger, schema)
}

// Run dispatches events and sends what is due, until ctx ends.
func (w *Webhooks) Run(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { w.dispatcher.Run(ctx) })
	group.Go(func() { w.runner.Run(ctx) })
	group.Wait()
}

// care deletes what is old, and gives a job to endpoints that lost theirs.
func (w *Webhooks) care(ctx context.Context) error {
	now := w.config.Now()
	return errors.Join(w.store.Clean(ctx, now), w.store.Revive(ctx, now))
}
