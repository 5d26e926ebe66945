// Command gateway is what customers call: the paths of the two wallets that Code Bank grew out of, and the REST
// of bank, statement and identity. It calls these programs over gRPC, with its own certificate and with the
// access token of the user, and decides nothing about money by itself. It serves HTTP only.
package main

import (
	"context"
	"io"
	"os"

	"codebank.dev/platform/serve"
)

func main() { serve.Main("gateway", run) }

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
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	behind, err := dial(walls, config)
	if err != nil {
		return err
	}
	defer behind.close()
	transfers, err := openTransfers(ctx, &config.transfers, logger)
	if err != nil {
		return err
	}
	defer transfers.close()
	server, err := listen(ctx, config, walls, behind, []serve.Check{{Name: "database", Run: transfers.store.Ready}}, logger)
	if err != nil {
		return err
	}
	defer server.Close()
	if err := transfers.mount(server, config, behind.bank, logger); err != nil {
		return err
	}
	return server.Run(ctx)
}
