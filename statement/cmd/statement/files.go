package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/platform/consumer"
	"codebank.dev/platform/database"
	"codebank.dev/platform/id"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"codebank.dev/statement"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/files"
	"codebank.dev/statement/intake"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/queue"
	"codebank.dev/statement/rpc"
)

const (
	// expireEvery is how often files that have expired are deleted, at least.
	expireEvery = 5 * time.Minute
	// queueConnections are the connections of the queue itself, beside those of the store: to hear of jobs, to fetch
	// them and to store their ends.
	queueConnections = 4
)

// serveFiles adds the calls for files, the jobs that make them, and REST of all calls.
//
// tidy:parameters the parts of the program that it joins
func serveFiles(ctx context.Context, server *serve.Server, store *postgres.Store, statements *statement.Service, config *config) error {
	logger := slog.Default()
	maker := &files.Maker{Workshop: store, Part: store.Part, States: statements, BankCode: config.database.BankCode, Now: time.Now, Logger: logger,
		RequestPatience: config.files.requestPatience}
	service := &files.Service{Store: store, States: statements, Maker: maker, New: newID, Now: time.Now}
	work := queue.Work{Make: maker.Make, Expire: store.ExpireFiles, Announce: func(context.Context, id.ID) error { return nil }}
	if config.files.smtp != nil {
		sender, err := mail.NewSender(*config.files.smtp, config.files.mailFrom)
		if err != nil {
			return err
		}
		announcer := &files.Announcer{File: store.Announced, Send: sender.Send, PagesURL: config.files.pagesURL, Now: time.Now, Failpoint: config.database.Failpoint}
		work.Announce = announcer.Announce
	}
	server.Metrics().MustRegister(&fileFigures{store})
	statementv1.RegisterFileServiceServer(server, rpc.NewFileServer(service, store.PageTokenKey, config.files.smtp != nil))
	err := server.Gateway(ctx, statementv1.RegisterStatementServiceHandler, statementv1.RegisterFileServiceHandler, rpc.RegisterDownload)
	if err != nil {
		return err
	}
	pool, err := database.Open(ctx, database.Config{URL: config.database.URL, ApplicationName: "statement queue",
		MaxConnections: queueConnections + config.files.workers})
	if err != nil {
		return err
	}
	runner, err := queue.NewRunner(queue.Config{Pool: pool.Pool, Work: work, Workers: config.files.workers,
		ExpireEvery: min(expireEvery, config.database.FileRetention), Logger: logger})
	if err != nil {
		pool.Close()
		return err
	}
	server.Background(func(ctx context.Context) {
		defer pool.Close()
		runner.Run(ctx)
	})
	return takeRequests(server, store, service, config)
}

// takeRequests takes requests for files by the topic beside the calls, if there are keys.
func takeRequests(server *serve.Server, store *postgres.Store, service *files.Service, config *config) error {
	if config.files.requestKeys == "" {
		return nil
	}
	logger, bank := slog.Default(), config.database.BankCode
	keys, err := keyfile.Watch(config.files.requestKeys, command.ParseKeys)
	if err != nil {
		return fmt.Errorf("--request-keys: %w", err)
	}
	handler, err := intake.New(intake.Config{BankCode: bank, Files: service, Keys: keys.Current, Mails: config.files.smtp != nil, Now: time.Now, Logger: logger})
	if err != nil {
		return err
	}
	letters, err := consumer.NewLetters(consumer.LettersConfig{Brokers: config.brokers, Reader: intake.Reader(bank), BrokerAuth: config.brokerAuth})
	if err != nil {
		return err
	}
	requests, err := consumer.New(consumer.Config{
		Brokers: config.brokers, Topic: intake.Topic(bank), Group: intake.Reader(bank), Handler: handler, Offsets: store.Offsets(),
		DeadLetters: consumer.WithPoint(letters, func() { config.database.Failpoint.At(failpoints.RequestLettersPublished) }), Logger: logger, BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		letters.Close()
		return err
	}
	server.Metrics().MustRegister(requests)
	server.Background(func(ctx context.Context) { keys.Run(ctx, logger) })
	server.Background(func(ctx context.Context) {
		defer letters.Close()
		requests.Run(ctx)
	})
	return nil
}

// newID returns an id that nobody can guess.
func newID() id.ID {
	made, err := id.New(rand.Reader)
	if err != nil {
		return id.ID{} // The reader of crypto/rand never fails.
	}
	return made
}
