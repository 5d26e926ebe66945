// Command shop serves the pages on which people buy, over the programs checkout and identity. It calls them with its own
// certificate, which checkout must know as a shop, and with the access token of a user who has signed in. It keeps
// nothing: a session lies sealed in the visitor's browser. It serves HTTP only.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	_ "time/tzdata" // Days begin in a zone, also where the system has none.

	"codebank.dev/platform/serve"
	"codebank.dev/web/shop"
	"codebank.dev/web/site"
	"google.golang.org/grpc"
)

func main() { serve.Main("shop", run) }

// config has all settings of the program. `shop --help` prints it.
type config struct {
	site                                   site.Settings
	checkoutAddress, identityAddress, name string
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("shop", flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.site.Bind(flags, "127.0.0.1:17022")
	flags.StringVar(&c.name, "shop-name", "Feira Code", "the `name` of the shop on the pages")
	flags.StringVar(&c.checkoutAddress, "checkout-address", "127.0.0.1:17004", "`host:port` of the gRPC of the program checkout")
	flags.StringVar(&c.identityAddress, "identity-address", "127.0.0.1:17008", "`host:port` of the gRPC of the program identity")
	if err := serve.Parse(flags, "SHOP", args, environ); err != nil {
		return nil, err
	}
	if c.name == "" {
		return nil, errors.New("--shop-name: a name")
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
	pages := shop.Config{Name: config.name, Accent: config.site.Accent, Logger: logger}
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
		{&pages.Checkout, config.checkoutAddress, "checkout"}, {&pages.Identity, config.identityAddress, "identity"},
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
func listen(ctx context.Context, config *config, walls *serve.Walls, pages shop.Config, logger *slog.Logger) error {
	server, err := config.site.Listen("shop", walls, logger)
	if err != nil {
		return err
	}
	defer server.Close()
	pages.Address = server.AddressOf
	handler, err := shop.New(pages)
	if err != nil {
		return err
	}
	site.Mount(server, handler)
	return server.Run(ctx)
}
