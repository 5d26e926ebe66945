package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync/atomic"
	"time"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/announce"
	"codebank.dev/checkout/payment/expiry"
	"codebank.dev/checkout/payment/feed"
	payments "codebank.dev/checkout/payment/postgres"
	"codebank.dev/checkout/payment/processor"
	"codebank.dev/checkout/payment/rest"
	"codebank.dev/checkout/payment/results"
	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/webhook/webhooks"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/serve"
)

const (
	// merchantConnections is how many connections find out whose a secret is: one look-up for each request.
	merchantConnections = 4
	// fingerprintSecret and pageTokenSecret are the names of secrets in the database that all replicas share.
	fingerprintSecret, pageTokenSecret = "charge-fingerprints", "charge-page-tokens"
)

// parts is what keeps, sends and ends charges.
type parts struct {
	store *payments.Store
	// hub wakes the streams of events, and charges is the store whose commits do so.
	hub     *feed.Hub
	charges payment.Store
	// merchants knows secrets, and who acts for a merchant.
	merchants *postgres.Store
	publisher *kafka.Publisher
	relay     *outbox.Relay
	handler   *results.Handler
	results   *consumer.Consumer
	// expiries asks after authorizations; none until the program is prepared.
	expiries atomic.Pointer[expiry.Worker]
	// hooks is nil without webhooks.
	hooks *webhooks.Webhooks
	// announcer has a publisher of its own, because each publishes one batch at a time.
	announcer *kafka.Publisher
	events    *announce.Relay
}

// open opens the database and the clients. Nothing has to answer.
func open(ctx context.Context, config *config, logger *slog.Logger) (_ *parts, err error) {
	pipe := &config.pipe
	p := &parts{}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.store, err = payments.Open(ctx, payments.Config{URL: pipe.DatabaseURL, MaxConnections: pipe.MaxConnections, Failpoint: pipe.Failpoint}); err != nil {
		return nil, err
	}
	p.hub = feed.New(feed.Config{Source: p.store, Logger: logger})
	p.charges = p.hub.Waking(p.store, p.wakeHooks)
	if p.merchants, err = postgres.OpenMerchants(ctx, postgres.Config{URL: pipe.DatabaseURL, MaxConnections: merchantConnections}); err != nil {
		return nil, err
	}
	if p.publisher, err = pipe.Publisher(accept.Producer, logger); err != nil {
		return nil, err
	}
	p.relay = outbox.New(outbox.Config{Store: p.store, Publisher: p.publisher, Logger: logger})
	if p.announcer, err = pipe.Publisher(accept.Producer+"-events", logger); err != nil {
		return nil, err
	}
	p.events = announce.New(announce.Config{Store: p.store, Publisher: p.announcer, Logger: logger})
	p.handler = results.New(results.Config{Store: p.charges, Keys: pipe.Keys, Logger: logger})
	p.results, err = consumer.New(consumer.Config{
		Brokers: pipe.Brokers, Topic: processor.ResultTopic, Group: accept.Producer, BrokerAuth: pipe.BrokerAuth,
		Handler: p.handler, Offsets: p.store.Offsets(), DeadLetters: results.NoLetters{}, Logger: logger,
	})
	if err == nil {
		err = p.openHooks(ctx, config, logger)
	}
	return p, err
}

func (p *parts) close() {
	if p.hooks != nil {
		p.hooks.Close()
	}
	for _, publisher := range []*kafka.Publisher{p.publisher, p.announcer} {
		if publisher != nil {
			publisher.Close()
		}
	}
	if p.merchants != nil {
		p.merchants.Close()
	}
	if p.store != nil {
		p.store.Close()
	}
}

// ready returns nil when all pools are.
func (p *parts) ready(ctx context.Context) error {
	if err := p.store.Ready(ctx); err != nil {
		return err
	}
	if p.hooks != nil {
		if err := p.hooks.Ready(ctx); err != nil {
			return err
		}
	}
	return p.merchants.Ready(ctx)
}

// mount adds the routes, and the work beside them.
func (p *parts) mount(server *serve.Server, config *config, logger *slog.Logger) error {
	routes := rest.New(rest.Config{Store: p.charges, Merchants: p.merchants, Feed: p.hub, Figures: p.store, Payouts: p.store, Limits: config.limits, Origin: server.AddressOf})
	routes.Mount(server)
	begin := p.mountHooks(server, routes)
	server.Prepare(func(ctx context.Context) error {
		if err := p.store.Prepare(ctx, logger, postgres.Schema()); err != nil {
			return err
		}
		if p.hooks != nil {
			if err := p.hooks.Prepare(ctx, postgres.Schema()); err != nil {
				return err
			}
		}
		return p.merchants.Prepare(ctx, logger, func(ctx context.Context) error {
			pages, err := p.share(ctx, config, routes, logger)
			if err == nil {
				begin(pages)
			}
			return err
		})
	})
	server.Background(p.relay.Run)
	server.Background(p.events.Run)
	server.Background(p.results.Run)
	server.Background(p.hub.Run)
	server.Background(func(ctx context.Context) { p.expiries.Load().Run(ctx) })
	server.Metrics().MustRegister(&collector{store: p.store, relay: p.relay, handler: p.handler, events: p.events, expiries: p.expiries.Load}, p.results)
	return nil
}

// share gives the routes what all replicas share: the keys of fingerprints and of page tokens, from the database.
func (p *parts) share(ctx context.Context, config *config, routes *rest.Server, logger *slog.Logger) (*serve.PageTokens, error) {
	if err := p.merchants.Migrated(ctx); err != nil {
		return nil, err
	}
	secret, err := p.merchants.Secret(ctx, fingerprintSecret, rand.Reader)
	if err != nil {
		return nil, err
	}
	key, err := p.merchants.Secret(ctx, pageTokenSecret, rand.Reader)
	if err != nil {
		return nil, err
	}
	pages, err := serve.NewPageTokens(key)
	if err != nil {
		return nil, err
	}
	service, err := accept.New(accept.Config{
		Store: p.charges, Payouts: p.store, Key: config.pipe.Key, Secret: secret, Wake: p.relay.Wake, TraceID: serve.TraceID, Now: time.Now,
		Profile: p.store.Profiles(time.Now).Of,
	})
	if err != nil {
		return nil, err
	}
	routes.Begin(service, pages)
	p.expiries.Store(expiry.New(expiry.Config{Store: p.store, Record: service.ExpiryRecord, Wake: p.relay.Wake, Now: time.Now, Logger: logger}))
	return pages, nil
}
