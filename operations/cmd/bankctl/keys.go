package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"codebank.dev/bank/vault"
	"codebank.dev/platform/failpoint"
)

func newKeys(app *application) *cobra.Command {
	return group("keys", "The keys of the vault", newKeysNew(app))
}

func newKeysNew(app *application) *cobra.Command {
	var path string
	command := &cobra.Command{
		Use:   "new --out FILE",
		Short: "Make a key file for a new bank; an existing file is never changed",
		Long: `Make a file with new keys for sealing and finding card numbers. Only this user
can read the file. An existing file is never changed: without its keys, the numbers
that a bank has stored can never be read again. Keep a copy of it in a safe place.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			err := vault.NewKeyFile(path, failpoint.From(ctx))
			if errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already, and a key file is never overwritten", path)
			}
			if err != nil {
				return err
			}
			if app.printer().JSON() {
				return app.printer().Object(map[string]string{"kind": "key file", "name": path, "action": "created"})
			}
			return app.printer().Text("created " + path + "\n")
		}),
	}
	command.Flags().StringVar(&path, "out", "", "`file` to make")
	_ = command.MarkFlagRequired("out")
	_ = command.MarkFlagFilename("out")
	return command
}
