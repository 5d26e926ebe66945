package main

import (
	"errors"
	"flag"
	"io"
	"net/netip"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/settings"
	"codebank.dev/checkout/ratelimit"
	"codebank.dev/checkout/webhook/webhooks"
	"codebank.dev/platform/serve"
)

// config has all settings of the program. `payment-gateway --help` prints it.
type config struct {
	server  serve.Settings
	pipe    settings.Settings
	hooks   webhooks.Settings
	proxies []netip.Prefix
	limits  ratelimit.Config
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet(accept.Producer, flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.server.Bind(flags, "", "127.0.0.1:17014")
	c.server.BindWalls(flags, "operator")
	proxies := flags.String("trusted-proxies", "", "`networks` of proxies in front of the program, which say where requests come from; empty: none")
	flags.IntVar(&c.limits.PerSecond, "requests-per-second", ratelimit.DefaultPerSecond,
		"how many requests each merchant may send in each mode, and each person, on average; each replica counts for itself")
	flags.IntVar(&c.limits.Burst, "requests-at-once", 2*ratelimit.DefaultPerSecond, "how many of them at once")
	c.pipe.Bind(flags)
	c.hooks.Bind(flags)
	if err := serve.Parse(flags, "PAYMENT_GATEWAY", args, environ); err != nil {
		return nil, err
	}
	var err error
	if c.proxies, err = serve.ParseProxies(*proxies); err != nil {
		return nil, errors.New("--trusted-proxies: a list such as 10.0.0.0/8,fd00::/8")
	}
	if c.limits.PerSecond < 1 || c.limits.Burst < 1 {
		return nil, errors.New("--requests-per-second and --requests-at-once: 1 or more")
	}
	return &c, errors.Join(c.pipe.Open(), c.hooks.Open())
}
