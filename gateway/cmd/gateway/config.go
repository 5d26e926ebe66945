package main

import (
	"errors"
	"flag"
	"io"
	"net/netip"
	"regexp"

	"codebank.dev/platform/money"
	"codebank.dev/platform/serve"
)

// config has all settings of the program. `gateway --help` prints it.
type config struct {
	server           serve.Settings
	bankAddress      string
	statementAddress string
	bankCode         string
	currency         money.Currency
	proxies          []netip.Prefix
	transfers        transfersConfig
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("gateway", flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.server.Bind(flags, "", "127.0.0.1:17016")
	c.server.BindWalls(flags, "operator")
	flags.StringVar(&c.bankAddress, "bank-address", "127.0.0.1:17000", "`host:port` of the gRPC of the program bank")
	flags.StringVar(&c.statementAddress, "statement-address", "127.0.0.1:17002", "`host:port` of the gRPC of the program statement")
	flags.StringVar(&c.bankCode, "bank-code", "001", "the `code` of the bank whose customers call, three digits")
	currency := flags.String("currency", "BRL", "the bank's own `currency`, ISO 4217: that of the wallets of POST /wallet/transaction")
	proxies := flags.String("trusted-proxies", "", "`networks` of proxies in front of the program, which say where requests come from; empty: none")
	openTransfers := c.transfers.bind(flags)
	if err := serve.Parse(flags, "GATEWAY", args, environ); err != nil {
		return nil, err
	}
	err := openTransfers()
	if err != nil {
		return nil, err
	}
	if c.proxies, err = serve.ParseProxies(*proxies); err != nil {
		return nil, errors.New("--trusted-proxies: a list such as 10.0.0.0/8,fd00::/8")
	}
	if c.currency, err = money.ParseCurrentCurrency(*currency); err != nil {
		return nil, errors.New("--currency: a code of ISO 4217, such as BRL")
	}
	switch {
	case c.bankAddress == "" || c.statementAddress == "" || c.server.IdentityAddress == "":
		return nil, errors.New("--bank-address, --statement-address and --identity-address are required")
	case !regexp.MustCompile(`^[0-9]{3}$`).MatchString(c.bankCode):
		return nil, errors.New("--bank-code: three digits")
	case c.server.Tokens.Issuer == "":
		return nil, errors.New("--token-issuer is required: customers call with access tokens")
	}
	c.transfers.bankCode = c.bankCode
	return &c, nil
}
