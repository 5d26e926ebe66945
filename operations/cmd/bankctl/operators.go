package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"codebank.dev/identity/operators"
	"codebank.dev/platform/fault"
)

func newOperators(app *application) *cobra.Command {
	return group("operators", "The people who work for the bank", newOperatorsAdd(app))
}

func newOperatorsAdd(app *application) *cobra.Command {
	var password string
	command := &cobra.Command{
		Use:   "add EMAIL",
		Short: "Make an operator; the first one too, before anybody can sign in",
		Long: `Give the user with an e-mail address the role of an operator. If the address has
no account, it is opened with --operator-password. Otherwise the password stays as
it is. The act is in identity's audit log.

The command works on identity's database (--identity-database-url), which must be
migrated. Identity itself need not run.`,
		Args: cobra.ExactArgs(1),
		RunE: work(func(ctx context.Context, args []string) error { return app.addOperator(ctx, args[0], password) }),
	}
	command.Flags().StringVar(&password, "operator-password", "",
		"`password` of a new account; a secret: prefer BANKCTL_OPERATOR_PASSWORD_FILE")
	return command
}

func (a *application) addOperator(ctx context.Context, email, password string) error {
	if err := required(setting{"identity-database-url", a.identityDatabaseURL}); err != nil {
		return err
	}
	limited, cancel := a.limited(ctx)
	defer cancel()
	created, err := operators.Add(limited, a.identityDatabaseURL, email, password)
	switch {
	case err == nil:
	case fault.Of(err).Field == "password" && password == "":
		return fmt.Errorf("operators add: %s has no account: name a file with its password in BANKCTL_OPERATOR_PASSWORD_FILE", email)
	case fault.Of(err).Field == "password":
		return fmt.Errorf("operators add: --operator-password: %s", fault.Of(err).Message)
	default:
		return fmt.Errorf("operators add: %w", err)
	}
	action := "granted"
	if created {
		action = "created"
	}
	if a.printer().JSON() {
		return a.printer().Object(map[string]string{"kind": "operator", "name": email, "action": action})
	}
	if created {
		return a.printer().Text("opened an account for the operator " + email + "\n")
	}
	return a.printer().Text(email + " is an operator; the password is as before\n")
}
