// Command statement is the read side of one bank: it serves statements over gRPC and
// REST. It owns the statement's database and its tables; the sink statement-postgres
// writes the bank's events into them. It makes files of statements, long ones as jobs of a queue in
// the same database. It never opens the bank's database. It publishes the head of its audit log to
// Kafka and reads there up to when it is complete, if --kafka-brokers says where. While its own
// database is away it answers UNAVAILABLE and waits.
//
// Any number of replicas may run on one database. They share the key that signs page
// tokens. It is the key of --page-token-key or, without that flag, a key that the
// database stores.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/kafka"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/rpc"
)

func main() { serve.Main("statement", run) }

// run serves until ctx ends. It prepares the database beside the listeners, so that
// probes are answered while the database is away.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	store, err := postgres.Open(ctx, config.database)
	if err != nil {
		return err
	}
	defer store.Close()

	settings := config.server.Config("statement", logger)
	settings.Checks = []serve.Check{{Name: "database", Run: store.Ready}}
	settings.Walls, settings.Permissions = walls, rpc.Permissions()
	settings.Groups = permission.Groups{rpc.Readers: config.readers}
	if settings.OpenAPI, err = schemas.OpenAPI("statement.v1"); err != nil {
		return err
	}
	server, err := serve.Listen(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	service := statement.NewService(store)
	watermark := &watermarkFigure{oldest: func() time.Time { return time.Time{} }, now: time.Now}
	if len(config.brokers) > 0 {
		watermarks, err := kafka.NewWatermarks(kafka.Config{
			Brokers: config.brokers, BankCode: config.database.BankCode, SinkGroup: config.sinkGroup, BrokerAuth: config.brokerAuth, Logger: logger,
		})
		if err != nil {
			return err
		}
		defer watermarks.Close()
		server.Background(watermarks.Run)
		service, watermark.oldest = service.WithWatermarks(watermarks), watermarks.Oldest
	}
	server.Metrics().MustRegister(watermark)
	follower := statement.NewFollower(service, store, logger)
	statementv1.RegisterStatementServiceServer(server, rpc.NewServer(rpc.Config{
		Service: service, Follower: follower, Records: store, Address: server.Address, Draining: server.Draining(), Logger: logger,
	}))
	if err := serveFiles(ctx, server, store, service, config); err != nil {
		return err
	}
	detector := &statement.GapDetector{
		Store: store, Logger: logger, Now: time.Now,
		Observe: statement.NewGauges(server.Metrics(), time.Now).Observe,
	}
	server.Prepare(func(ctx context.Context) error { return store.Prepare(ctx, logger) })
	server.Background(detector.Run)
	server.Background(follower.Run)
	if err := publishHeads(server, store, config, logger); err != nil {
		return err
	}
	return server.Run(ctx)
}

// publishHeads publishes the head of the audit log beside the calls, if there are brokers.
func publishHeads(server *serve.Server, store *postgres.Store, config *config, logger *slog.Logger) error {
	if len(config.brokers) == 0 {
		return nil
	}
	publisher, err := heads.NewPublisher(heads.Config{
		Service: "statement", BankCode: config.database.BankCode, Head: store.AuditHead, Brokers: config.brokers,
		Interval: config.headInterval, Logger: logger, BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return err
	}
	server.Metrics().MustRegister(publisher)
	server.Background(func(ctx context.Context) {
		defer publisher.Close()
		publisher.Run(ctx)
	})
	return nil
}
