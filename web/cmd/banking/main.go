// Command banking serves the internet banking of a bank: pages over the programs bank, statement and identity. It calls
// them with its own certificate and with the access token of the user, and keeps nothing: a session lies sealed in the
// user's browser. It serves HTTP only.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	_ "time/tzdata" // Days begin in a zone, also where the system has none.

	"codebank.dev/platform/serve"
	"codebank.dev/web/banking"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
)

func main() { serve.Main("banking", run) }

// run does the command or, without one, serves until ctx ends.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	if config.command != "" {
		return makeKey(config, stdout)
	}
	logger, err := config.site.Logger(os.Stderr)
	if err != nil {
		return err
	}
	walls, err := config.site.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	pages := banking.Config{
		BankCode: config.site.BankCode, BankName: config.site.Brand, Accent: config.site.Accent, Currency: config.currency, Logger: logger,
	}
	if pages.Keys, err = config.site.Keys(); err != nil {
		return err
	}
	if pages.Zone, err = config.site.Zone(); err != nil {
		return err
	}
	for _, to := range []struct {
		conn             *grpc.ClientConnInterface
		address, program string
	}{
		{&pages.Bank, config.bankAddress, "bank"}, {&pages.Statement, config.statementAddress, "statement"}, {&pages.Identity, config.identityAddress, "identity"},
	} {
		conn, err := walls.Dial(to.address, to.program)
		if err != nil {
			return err
		}
		defer conn.Close()
		*to.conn = conn
	}
	return listen(ctx, config, walls, pages, logger)
}

// listen serves the pages.
//
// tidy:parameters what a program opens before it listens
func listen(ctx context.Context, config *config, walls *serve.Walls, pages banking.Config, logger *slog.Logger) error {
	server, err := config.site.Listen("banking", walls, logger)
	if err != nil {
		return err
	}
	defer server.Close()
	pages.Address = server.AddressOf
	handler, err := banking.New(pages)
	if err != nil {
		return err
	}
	site.Mount(server, handler)
	return server.Run(ctx)
}
