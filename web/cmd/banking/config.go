package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
	"codebank.dev/web/site"
)

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
