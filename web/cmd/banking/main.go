// Command banking serves the internet banking of a bank: pages over the programs bank, statement and identity. It calls
// them with its own certificate and with the access token of the user, and keeps nothing: a session lies sealed in the
// user's browser. It serves HTTP only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
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
	// command has the words of a command; none to serve.
	command string
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("banking", flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	var words []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		words, args = append(words, args[0]), args[1:]
	}
	if c.command = strings.Join(words, " "); c.command != "" && c.command != newKey {
		return nil, errors.New("the only command is: " + newKey)
	}
	c.site.Bind(flags, "127.0.0.1:17019")
	flags.StringVar(&c.bankAddress, "bank-address", "127.0.0.1:17000", "`host:port` of the gRPC of the program bank")
	flags.StringVar(&c.statementAddress, "statement-address", "127.0.0.1:17002", "`host:port` of the gRPC of the program statement")
	flags.StringVar(&c.identityAddress, "identity-address", "127.0.0.1:17008", "`host:port` of the gRPC of the program identity")
	flags.StringVar(&c.currency, "currency", "BRL", "the `currency` of accounts that customers open, ISO 4217")
	err := serve.Parse(flags, "BANKING", args, environ)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "Without a command it serves pages; %s makes the file of --session-key, and changes no existing one.\n", newKey)
	}
	if err != nil {
		return nil, err
	}
	if _, err := money.ParseCurrentCurrency(c.currency); err != nil {
		return nil, errors.New("--currency: a code of ISO 4217, such as BRL")
	}
	return &c, c.site.Check()
}

// newKey is the command that makes a key of sessions.
const newKey = "keys new"

// makeKey makes the file of --session-key.
func makeKey(config *config, stdout io.Writer) error {
	if config.site.SessionKey == "" {
		return errors.New("--session-key: the file to make")
	}
	if err := site.NewKeyFile(config.site.SessionKey); err != nil {
		return err
	}
	_, err := fmt.Fprintf(stdout, "made %s\n", config.site.SessionKey)
	return err
}

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
