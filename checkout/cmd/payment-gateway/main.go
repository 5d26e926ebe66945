// Command payment-gateway is what merchants' programs charge cards through. It accepts a charge, or what is done to one
// later, and answers as soon as that is durable. The program payment-processor decides, over two topics; the gateway
// applies its answers. It serves HTTP only. While the broker is away it goes on accepting.
package main

import (
	"context"
	"io"
	"os"

	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/payment/accept"
	"codebank.dev/platform/memory"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
)

func main() { serve.Main(accept.Producer, run) }

// run serves until ctx ends.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	memory.TuneCollector(ctx, environ)
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	parts, err := open(ctx, config, logger)
	if err != nil {
		return err
	}
	defer parts.close()
	settings := config.server.Config(accept.Producer, logger)
	settings.Walls, settings.Permissions, settings.TrustedProxies = walls, permissions(config), config.proxies
	settings.Secrets = &merchant.Verifier{Secrets: parts.merchants, Clock: clock.System{}}
	settings.Checks = []serve.Check{{Name: "database", Run: parts.ready}}
	if settings.OpenAPI, err = schemas.PaymentsAPI(); err != nil {
		return err
	}
	server, err := serve.Listen(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := parts.mount(server, config, logger); err != nil {
		return err
	}
	return server.Run(ctx)
}
