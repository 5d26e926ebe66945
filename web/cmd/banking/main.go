// Command banking serves the internet banking of a bank: pages over the programs bank, statement and identity. It calls
// them with its own certificate and with the access token of the user, and keeps nothing: a session lies sealed in the
// user's browser. It serves HTTP only.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	_ "time/tzdata" // Days begin in a zone, also where the system has none.

	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	"codebank.dev/web/banking"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
)

func main() { serve.Main("banking", run) }

// config has all settings of the program. `banking --help` prints it.
type config struct {
	site                                                     site.Settings
	bankAddress, statementAddress, identityAddress, currency string
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("banking", flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.site.Bind(flags, "127.0.0.1:17019")
	flags.StringVar(&c.bankAddress, "bank-address", "127.0.0.1:17000", "`host:port` of the gRPC of the program bank")
	flags.StringVar(&c.statementAddress, "statement-address", "127.0.0.1:17002", "`host:port` of the gRPC of the program statement")
	flags.StringVar(&c.identityAddress, "identity-address", "127.0.0.1:17008", "`host:port` of the gRPC of the program identity")
	flags.StringVar(&c.currency, "currency", "BRL", "the `currency` of accounts that customers open, ISO 4217")
	if err := serve.Parse(flags, "BANKING", args, environ); err != nil {
		return nil, err
	}
	if _, err := money.ParseCurrentCurrency(c.currency); err != nil {
		return nil, errors.New("--currency: a code of ISO 4217, such as BRL")
	}
	return &c, c.site.Check()
}

// run serves until ctx ends.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
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
