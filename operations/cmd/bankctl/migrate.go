package main

import (
	"context"

	"github.com/spf13/cobra"

	"codebank.dev/bank/postgres"
	checkout "codebank.dev/checkout/postgres"
	codepix "codebank.dev/codepix/postgres"
	gateway "codebank.dev/gateway/postgres"
	identity "codebank.dev/identity/postgres"
	"codebank.dev/operations/provision"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	statement "codebank.dev/statement/postgres"
)

// migration is a database that bankctl migrates.
type migration struct {
	// name is what the operator calls it, and url is the setting that has its address.
	name string
	url  setting
	// run migrates it. It may be repeated.
	run func(ctx context.Context) error
}

// migrations returns every database that can be migrated. The names of the roles in a bank's databases end with
// roleSuffix.
func (a *application) migrations(roleSuffix string) []migration {
	return []migration{
		{"ledger", setting{"ledger-database-url", a.ledgerDatabaseURL}, func(ctx context.Context) error {
			return postgres.Migrate(ctx, postgres.Config{
				URL: a.ledgerDatabaseURL, RoleSuffix: roleSuffix, ApplicationName: "bankctl", Failpoint: failpoint.From(ctx),
			}, a.bankCode)
		}},
		{"statement", setting{"statement-database-url", a.statementDatabaseURL}, func(ctx context.Context) error {
			return statement.Migrate(ctx, statement.Config{
				URL: a.statementDatabaseURL, BankCode: a.bankCode, RoleSuffix: roleSuffix, ApplicationName: "bankctl", Failpoint: failpoint.From(ctx),
			})
		}},
		{"checkout", setting{"checkout-database-url", a.checkoutDatabaseURL}, func(ctx context.Context) error {
			return checkout.Migrate(ctx, checkout.Config{URL: a.checkoutDatabaseURL, Failpoint: failpoint.From(ctx)})
		}},
		{"identity", setting{"identity-database-url", a.identityDatabaseURL}, func(ctx context.Context) error {
			return identity.Migrate(ctx, identity.Config{
				URL: a.identityDatabaseURL, ApplicationName: "bankctl", Failpoint: failpoint.From(ctx),
			})
		}},
		{"gateway", setting{"gateway-database-url", a.gatewayDatabaseURL}, func(ctx context.Context) error {
			return gateway.Migrate(ctx, gateway.Config{
				URL: a.gatewayDatabaseURL, ApplicationName: "bankctl", Failpoint: failpoint.From(ctx),
			})
		}},
		{"codepix", setting{"codepix-database-url", a.codepixDatabaseURL}, func(ctx context.Context) error {
			return codepix.Migrate(ctx, codepix.Config{
				URL: a.codepixDatabaseURL, ApplicationName: "bankctl", Failpoint: failpoint.From(ctx),
			})
		}},
	}
}

func newMigrate(app *application) *cobra.Command {
	var names []string
	var roleSuffix string
	for _, one := range app.migrations("") {
		names = append(names, one.name)
	}
	command := &cobra.Command{
		Use:   "migrate DATABASE...",
		Short: "Bring databases to the schema of this version, and give each role its rights",
		Long: `Bring databases to the schema of this version, and give each role of the schema its
rights, no less and no more. Do this before the programs of a new version start: a
program waits until its database has had the migrations that it needs. The programs
of the version before go on meanwhile.

The user in the address of a database must own it, and is used for nothing else. A
role that does not exist is made without a way to sign in, if the user may do so.
Let a program sign in as its role, or as a member of it. The sink of the statement
must be the role statement_sink itself, made with BYPASSRLS, because members do not
get that from a role.

With --role-suffix the roles of the ledger and the statement end with it: a server
with the databases of two banks has bank_service for one and bank_service_002 for
the other, and neither opens the database of the other.

Doing it again changes nothing. A command that was cut off is finished by doing it
again.`,
		ValidArgs: names,
		Args:      cobra.MatchAll(cobra.MinimumNArgs(1), cobra.OnlyValidArgs),
		RunE: work(func(ctx context.Context, names []string) error {
			ctx, cancel := app.limited(ctx)
			defer cancel()
			for _, name := range names {
				if err := app.migrate(ctx, name, roleSuffix); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	command.Flags().StringVar(&roleSuffix, "role-suffix", "", "end of the `names` of the roles in the ledger and the statement, such as _002")
	return command
}

// migrate migrates one database. It waits for a database that is away, and for a table that is in use.
func (a *application) migrate(ctx context.Context, name, roleSuffix string) error {
	for _, one := range a.migrations(roleSuffix) {
		if one.name != name {
			continue
		}
		if err := required(one.url); err != nil {
			return err
		}
		err := provision.Await(ctx, "the database "+name, func(ctx context.Context) error {
			err := one.run(ctx)
			if err != nil && ctx.Err() == nil && !database.IsPermanent(err) {
				return provision.NotReady(err)
			}
			return err
		})
		if err != nil {
			return err
		}
		if a.printer().JSON() {
			return a.printer().Object(map[string]any{"database": name, "migrated": true})
		}
		return a.printer().Text("the database " + name + " has the schema of this version\n")
	}
	return nil
}
