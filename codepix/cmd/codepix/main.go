// Command codepix is the hub between banks: it knows whose Pix keys are, and takes payments from bank to bank. It serves
// gRPC and reads the topics of the banks at the same time. It owns a database of its own, belongs to no bank, and any
// number of replicas share the work.
//
//	codepix                       serve
//	codepix payments list         list payments, the newest first; --bank, --open and --most choose
//	codepix payments get ID       show one payment
//	codepix keys list             list the keys of the bank of --bank, of --account if it is given
//	codepix keys look-up KEY      show whose a key is
//	codepix keys create KIND KEY  register one, for --account of --holder-name and --holder-document, by --request-id
//	codepix keys confirm KEY CODE prove one; without a code a new one is sent
//	codepix keys delete KEY       end one
//	codepix keys check            compare the digests of the bank with its keys
//	codepix claims list           list the claims in which the bank takes part
//	codepix claims create KEY     claim a key for --account
//	codepix claims end NAME HOW   consent, complete or cancel
//
// The commands read the database, and nothing else.
package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/postgres"
	"codebank.dev/codepix/rpc"
	"codebank.dev/platform/serve"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// name is the program's, in its certificate too.
const name = "codepix"

func main() { serve.Main(name, run) }

// run does a command or, without one, serves until ctx ends.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	store, err := postgres.Open(ctx, config.database)
	if err != nil {
		return err
	}
	defer store.Close()
	if len(config.words) > 0 {
		return do(ctx, config, store, stdout)
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	known, err := banks.Open(config.banksFile)
	if err != nil {
		return err
	}
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	settings := config.server.Config(name, logger)
	settings.Walls, settings.Permissions = walls, rpc.Permissions()
	settings.Checks = []serve.Check{{Name: "database", Run: store.Ready}}
	server, err := serve.Listen(settings)
	if err != nil {
		return err
	}
	defer server.Close()
	payments := &rpc.Payments{Store: store}
	codepixv1.RegisterPaymentServiceServer(server, payments)
	desk := &desk{settings: &config.directory, store: store, banks: known, logger: logger}
	codepixv1.RegisterDirectoryServiceServer(server, &desk.calls)
	server.Prepare(func(ctx context.Context) error {
		if err := store.Prepare(ctx, logger); err != nil {
			return err
		}
		key, err := store.Secret(ctx, "page tokens", rand.Reader)
		if err != nil {
			return err
		}
		if payments.Pages, err = serve.NewPageTokens(key); err != nil {
			return err
		}
		desk.calls.Pages = payments.Pages
		return desk.open(ctx)
	})
	if err := desk.start(server); err != nil {
		return err
	}
	server.Background(func(ctx context.Context) { known.Run(ctx, logger) })
	pipe := &pipe{config: config, store: store, banks: known, logger: logger, initiated: desk.initiated}
	end, err := pipe.start(server)
	if err != nil {
		return err
	}
	defer end()
	return server.Run(ctx)
}
