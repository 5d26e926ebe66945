// Command identity knows who people are: it signs them up and in, keeps their sessions, and issues the
// access tokens that other programs verify. It owns a database of its own.
//
//	identity                                serve gRPC and REST
//	identity keys new                       make the file of the signing keys
//	identity keys rotate                    do the next step of a rotation; --all does every step and waits
//	identity operators add EMAIL            give the role operator; open the account with --password if there is none
//	identity roles grant|revoke EMAIL ROLE  change the roles of a user
//
// `bankctl audit-log verify` checks the audit log. The commands take the settings of the program. They may run while it serves.
package main

import (
	"context"
	"io"
	"os"
	"time"

	"codebank.dev/identity/access"
	"codebank.dev/identity/rpc"
	"codebank.dev/identity/signing"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	identityv1 "codebank.dev/schemas/gen/identity/v1"
)

func main() { serve.Main("identity", run) }

// run does a command or, without one, serves until ctx ends. It prepares the database beside the
// listeners, so that probes are answered while the database is away.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	if len(config.words) > 0 {
		return command(ctx, config, stdout)
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	keys, err := signing.Open(config.keys)
	if err != nil {
		return err
	}
	sender, err := mail.NewSender(config.smtp, config.mailFrom)
	if err != nil {
		return err
	}
	store, service, err := open(ctx, config, keys)
	if err != nil {
		return err
	}
	defer store.Close()

	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	settings := config.server.Config("identity", logger)
	settings.Walls, settings.Permissions = walls, rpc.Permissions()
	settings.Checks = []serve.Check{{Name: "database", Run: store.Ready}}
	settings.TrustedProxies, settings.TrustedPrograms = config.proxies, config.programs
	if settings.OpenAPI, err = schemas.OpenAPI("identity.v1"); err != nil {
		return err
	}
	server, err := serve.Listen(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	identityv1.RegisterIdentityServiceServer(server, rpc.NewServer(service, server))
	if err := server.Gateway(ctx, identityv1.RegisterIdentityServiceHandler); err != nil {
		return err
	}
	server.Handle("GET "+rpc.JWKSPath, rpc.JWKS(keys))
	mailer := &access.Mailer{Store: store, Sender: sender, PagesURL: config.pagesURL, Logger: logger, Now: time.Now}
	server.Metrics().MustRegister(&collector{store: store, mailer: mailer, hasher: service.Hasher, keys: keys})
	server.Prepare(func(ctx context.Context) error { return store.Prepare(ctx, logger) })
	server.Background(func(ctx context.Context) { keys.Run(ctx, logger) })
	server.Background(mailer.Run)
	server.Background(func(ctx context.Context) { access.Prune(ctx, store, logger) })
	if err := publishHeads(server, store, config, logger); err != nil {
		return err
	}
	return server.Run(ctx)
}
