package main

import (
	"context"
	"log/slog"
	"maps"

	"codebank.dev/checkout/payment/rest"
	hooks "codebank.dev/checkout/webhook/rest"
	"codebank.dev/checkout/webhook/webhooks"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
)

// permissions says who may call which route.
func permissions(config *config) permission.Table {
	table := rest.Permissions()
	if config.hooks.On() {
		maps.Copy(table, hooks.Permissions())
	}
	return table
}

// openHooks opens what sends events to merchants' endpoints. Nothing has to answer.
func (p *parts) openHooks(ctx context.Context, config *config, logger *slog.Logger) (err error) {
	if !config.hooks.On() {
		return nil
	}
	p.hooks, err = webhooks.Open(ctx, webhooks.Config{
		DatabaseURL: config.pipe.DatabaseURL, Feed: p.store, Keys: config.hooks.Keys, Allowed: config.hooks.Allowed,
		Authorities: config.hooks.Authorities, Logger: logger, Failpoint: config.pipe.Failpoint,
	})
	return err
}

// wakeHooks says that there may be new events.
func (p *parts) wakeHooks() {
	if p.hooks != nil {
		p.hooks.Wake()
	}
}

// mountHooks adds the routes of endpoints, and the work beside them. It returns what gives the routes their page tokens.
func (p *parts) mountHooks(server *serve.Server, charges *rest.Server) (begin func(*serve.PageTokens)) {
	if p.hooks == nil {
		return func(*serve.PageTokens) {}
	}
	routes := hooks.New(hooks.Config{Store: p.hooks.Store(), Owner: charges.Reader, Origin: server.AddressOf})
	routes.Mount(charges.Limited(server))
	server.Background(p.hooks.Run)
	server.Metrics().MustRegister(p.hooks)
	return routes.Begin
}
