package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	gateway "codebank.dev/gateway/postgres"
	"codebank.dev/operations/output"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
	"codebank.dev/schemas/command"
)

func newCommandKeys(app *application) *cobra.Command {
	return group("command-keys", "The keys with which producers sign commands and requests for statements",
		newCommandKeysAdd(app), newCommandKeysExport(app), newCommandKeysList(app), newCommandKeysRemove(app))
}

func newCommandKeysAdd(app *application) *cobra.Command {
	var path string
	var forUsers bool
	cmd := &cobra.Command{
		Use:   "add PRODUCER... --file FILE [--for-users]",
		Short: "Add a new key of each producer to the file of the program that verifies",
		Long: `Add a new key of each producer to the file of all keys that a program verifies with:
that of a bank (--command-keys, --pix-keys) or of a statement (--request-keys). The
file is made if there is none, and only this user can read it. Whoever has a key can
ask for whatever its producer may ask for, so a bank and a statement have files with
different keys. A bank and the hub between banks share one, with keys of bank-<code>
and of codepix, because each verifies the other.

A producer may sign for itself. With --for-users it may sign for any user, and it
must know by itself who its user is.

To replace a key: add one, give the file to every replica that verifies, restart
them, export the producer's own file and restart the producer. Remove the old key when
no record that it signed is still to be read.`,
		Args: cobra.MinimumNArgs(1),
		RunE: work(func(ctx context.Context, args []string) error {
			keys, err := readCommandKeys(path)
			if errors.Is(err, fs.ErrNotExist) {
				keys, err = new(command.Keys), nil
			}
			if err != nil {
				return err
			}
			var content []byte
			var ids []string
			for _, producer := range args {
				const idLength = 12
				// Ids are random, not counted: a key of one file must not pass for one of another.
				id := producer + "-" + strings.ToLower(rand.Text()[:idLength])
				if content, err = keys.With(id, producer, forUsers); err != nil {
					return err
				}
				if keys, err = command.ParseKeys(content); err != nil {
					return err
				}
				ids = append(ids, id)
			}
			if err := keyfile.Replace(path, content, failpoint.From(ctx)); err != nil {
				return err
			}
			for _, id := range ids {
				if err := app.reportCommandKey(id, "created"); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	bindKeyFile(cmd, &path)
	cmd.Flags().BoolVar(&forUsers, "for-users", false, "the producer may sign for any user")
	return cmd
}

func newCommandKeysExport(app *application) *cobra.Command {
	var path, out string
	cmd := &cobra.Command{
		Use:   "export PRODUCER --file FILE --out OWN",
		Short: "Write the file of one producer, with its own keys and no others",
		Long: `Write the file that one producer signs with, such as the gateway's --command-key. It has
the keys of this producer and no others. An existing file is replaced.`,
		Args: cobra.ExactArgs(1),
		RunE: work(func(ctx context.Context, args []string) error {
			keys, err := readCommandKeys(path)
			if err != nil {
				return err
			}
			signer := keys.Signer(args[0])
			if signer == nil {
				return fmt.Errorf("%s has no key of %s", path, args[0])
			}
			content, err := keys.Of(args[0])
			if err != nil {
				return err
			}
			if err := keyfile.Replace(out, content, failpoint.From(ctx)); err != nil {
				return err
			}
			return app.reportCommandKey(signer.ID, "exported")
		}),
	}
	bindKeyFile(cmd, &path)
	cmd.Flags().StringVar(&out, "out", "", "`file` to write")
	_ = cmd.MarkFlagRequired("out")
	_ = cmd.MarkFlagFilename("out")
	return cmd
}

func newCommandKeysList(app *application) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "list --file FILE",
		Short: "List the keys of a file, without their secrets",
		Args:  cobra.NoArgs,
		RunE: work(func(context.Context, []string) error {
			keys, err := readCommandKeys(path)
			if err != nil {
				return err
			}
			var shown []shownKey
			for _, key := range keys.All() {
				shown = append(shown, shownKey{key.ID, key.Producer, key.ForUsers})
			}
			return output.List(app.printer(), shown, []string{"KEY", "PRODUCER", "FOR USERS"}, func(key shownKey) [][]string {
				return [][]string{{key.Key, key.Producer, strconv.FormatBool(key.ForUsers)}}
			})
		}),
	}
	bindKeyFile(cmd, &path)
	return cmd
}

func newCommandKeysRemove(app *application) *cobra.Command {
	var path string
	var force bool
	cmd := &cobra.Command{
		Use:   "remove KEY --file FILE [--force]",
		Short: "Remove a key, so that what it signed counts no more",
		Long: `Remove a key from the file of the program that verifies. Every command and request
under this key that was not read yet becomes a dead letter: nothing moves, its producer
gets no result, and a transfer of the gateway stays processing. So remove a key when
its producer signs with another one, and all that it signed has ended.

With --gateway-database-url the commands of the gateway are counted first, and while
there are some under this key it stays. --force removes it nevertheless. What other
producers have signed is known to them alone.`,
		Args: cobra.ExactArgs(1),
		RunE: work(func(ctx context.Context, args []string) error {
			keys, err := readCommandKeys(path)
			if err != nil {
				return err
			}
			content, err := keys.Without(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if !force {
				if err := app.requireUnused(ctx, args[0]); err != nil {
					return err
				}
			}
			fmt.Fprintf(app.streams.err, "commands under %s that were not read yet become dead letters\n", args[0])
			if err := keyfile.Replace(path, content, failpoint.From(ctx)); err != nil {
				return err
			}
			return app.reportCommandKey(args[0], "removed")
		}),
	}
	bindKeyFile(cmd, &path)
	cmd.Flags().BoolVar(&force, "force", false, "remove the key though commands under it have not ended")
	return cmd
}

// requireUnused returns an error if the gateway, whose database is given, has commands under a key that have not
// ended, or cannot be asked.
func (a *application) requireUnused(ctx context.Context, key string) error {
	if a.gatewayDatabaseURL == "" {
		return nil
	}
	ctx, cancel := a.limited(ctx)
	defer cancel()
	store, err := gateway.Open(ctx, gateway.Config{URL: a.gatewayDatabaseURL, MaxConnections: 1, ApplicationName: "bankctl"})
	if err != nil {
		return misused("gateway-database-url", err)
	}
	defer store.Close()
	count, err := store.CommandsSignedBy(ctx, key)
	switch {
	case err != nil:
		return fmt.Errorf("the gateway's commands under %s cannot be counted: %w; --force does not count them", key, err)
	case count > 0:
		return fmt.Errorf("%d commands of the gateway under %s have not ended; remove it later, or with --force", count, key)
	}
	return nil
}

// shownKey is a key without its secret.
type shownKey struct {
	Key      string `json:"key"`
	Producer string `json:"producer"`
	ForUsers bool   `json:"for_users"`
}

func bindKeyFile(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "file", "", "`file` of all keys")
	_ = cmd.MarkFlagRequired("file")
	_ = cmd.MarkFlagFilename("file")
}

func readCommandKeys(path string) (*command.Keys, error) {
	content, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	keys, err := command.ParseKeys(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

func (a *application) reportCommandKey(id, action string) error {
	if a.printer().JSON() {
		return a.printer().Object(map[string]string{"kind": "command key", "name": id, "action": action})
	}
	return a.printer().Text(action + " " + id + "\n")
}
