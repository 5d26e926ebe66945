package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/connectors"
	"codebank.dev/operations/failpoints"
	"codebank.dev/operations/output"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/mtls"
)

// settings are the flags that all commands share.
type settings struct {
	kafkaBrokers         []string
	registryURL          string
	connectURL           string
	connectSecrets       string
	elasticsearchURL     string
	auth                 auth
	ledgerDatabaseURL    string
	statementDatabaseURL string
	checkoutDatabaseURL  string
	identityDatabaseURL  string
	gatewayDatabaseURL   string
	codepixDatabaseURL   string
	bankCode             string
	timeout              time.Duration
	output               string
	failpoint            string
	// tls are the files of the program that bankctl calls the bank's programs as.
	tls mtls.Config
}

// application is what all commands share.
type application struct {
	settings
	streams streams
	environ []string
}

// printer returns the printer of the commands' results.
func (a *application) printer() *output.Printer {
	return output.New(a.streams.out, a.output == "json", a.environ)
}

const long = `bankctl provisions, watches and repairs the pipeline of a bank.

Every flag but --yes has a variable in the environment: --connect-url has
BANKCTL_CONNECT_URL. BANKCTL_CONNECT_URL_FILE names a file that holds the value;
use it for addresses that contain a password. A flag overrides the environment.

Results go to standard output, as a table or, with -o json, as one JSON object
a line. The exit status is 0 when all is well, 1 when something failed or is not
as it should be, and 2 for wrong usage.`

// newRoot returns the command tree.
func newRoot(environ []string, streams streams) *cobra.Command {
	app := &application{streams: streams, environ: environ}
	root := &cobra.Command{
		Use:           "bankctl",
		Short:         "Provision, watch and repair the pipeline of a bank",
		Long:          long,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(command *cobra.Command, _ []string) error {
			if err := fromEnvironment(command, environ); err != nil {
				return err
			}
			hook, err := failpoint.Parse(app.failpoint, failpoints.All())
			if err != nil {
				return err
			}
			command.SetContext(failpoint.With(command.Context(), hook))
			return app.check()
		},
	}
	root.SetOut(streams.out)
	root.SetErr(streams.err)
	app.bind(root)
	root.AddCommand(newKeys(app), newCommandKeys(app), newCertificates(app), newApply(app), newConnectors(app), newDashboards(app), newDeadLetters(app),
		newRepublish(app), newMigrate(app), newAudit(app), newAuditLog(app), newOperators(app), newCustomers(app), newStatement(app), newSeed(app), newWebhooks(app), newPix(app))
	return root
}

// bind defines the shared flags. The addresses are those of a stack on this machine.
func (a *application) bind(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringSliceVar(&a.kafkaBrokers, "kafka-brokers", []string{"127.0.0.1:17021"}, "`host:port` of brokers to begin with, separated by commas")
	flags.StringVar(&a.registryURL, "registry-url", "http://127.0.0.1:17023/apis/ccompat/v7", "`URL` of the schema registry's Confluent interface")
	flags.StringVar(&a.connectURL, "connect-url", "http://127.0.0.1:17025", "`URL` of a Kafka Connect worker")
	flags.StringVar(&a.connectSecrets, "connect-secrets", connectors.SecretsFolder, "`folder` of the worker with the addresses and passwords that connectors use, one a file")
	flags.StringVar(&a.elasticsearchURL, "elasticsearch-url", "http://127.0.0.1:17026", "`URLs` of Elasticsearch nodes, separated by commas")
	a.auth.bind(flags)
	a.bindTLS(flags)
	flags.StringVar(&a.ledgerDatabaseURL, "ledger-database-url", "", "`URL` of the bank's Postgres database")
	flags.StringVar(&a.statementDatabaseURL, "statement-database-url", "", "`URL` of the statement's Postgres database")
	flags.StringVar(&a.identityDatabaseURL, "identity-database-url", "", "`URL` of identity's Postgres database")
	flags.StringVar(&a.gatewayDatabaseURL, "gateway-database-url", "", "`URL` of the gateway's Postgres database")
	flags.StringVar(&a.codepixDatabaseURL, "codepix-database-url", "", "`URL` of the Postgres database of the hub between banks")
	flags.StringVar(&a.checkoutDatabaseURL, "checkout-database-url", "", "`URL` of the checkout's Postgres database")
	flags.StringVar(&a.bankCode, "bank-code", "001", "`code` of the bank, three digits")
	flags.DurationVar(&a.timeout, "timeout", 2*time.Minute, "how long to wait for services that are starting and for what they were asked to do")
	flags.StringVarP(&a.output, "output", "o", "table", "table or json")
	flags.StringVar(&a.failpoint, "failpoint", "", failpoint.Usage(failpoints.All()))
	_ = flags.MarkHidden("failpoint") // Only tests use it.
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

var threeDigits = regexp.MustCompile(`^[0-9]{3}$`)

// check refuses shared settings that no command could use.
func (a *application) check() error {
	if a.output != "table" && a.output != "json" {
		return fmt.Errorf("--output: %q is neither table nor json", a.output)
	}
	if !threeDigits.MatchString(a.bankCode) {
		return misused("bank-code", errors.New("a bank code is three digits"))
	}
	if !filepath.IsAbs(a.connectSecrets) || strings.ContainsAny(a.connectSecrets, ":{}$") {
		return misused("connect-secrets", errors.New("a folder as an absolute path without : { } and $"))
	}
	if a.timeout <= 0 {
		return fmt.Errorf("--timeout: %v is not a time to wait", a.timeout)
	}
	return nil
}

// group returns a command that does nothing itself and has other commands below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return fmt.Errorf("%s: say which of its commands", command.CommandPath())
		},
	}
	command.AddCommand(below...)
	return command
}

// failure is an error of the work. The command line was right.
type failure struct{ cause error }

func (f *failure) Error() string { return f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// misuse is an error in a flag's value that was found only during the work.
type misuse struct {
	flag  string // empty if the cause names the flags
	cause error
}

func (m *misuse) Error() string {
	if m.flag == "" {
		return m.cause.Error()
	}
	return "--" + m.flag + ": " + m.cause.Error()
}
func (m *misuse) Unwrap() error { return m.cause }

func misused(flag string, err error) error { return &misuse{flag, err} }

// setting is a flag and its value.
type setting struct{ flag, value string }

// required refuses settings without a value. It names all of them, with their variables.
func required(settings ...setting) error {
	var missing []string
	for _, s := range settings {
		if s.value == "" {
			missing = append(missing, fmt.Sprintf("--%s (or %s_%s)", s.flag, prefix, strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &misuse{cause: fmt.Errorf("the command also needs %s", strings.Join(missing, " and "))}
}

// work returns the function that a command runs. An error of do is a failure, unless it
// is a misuse.
func work(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		err := do(command.Context(), args)
		if err == nil || errors.As(err, new(*misuse)) {
			return err
		}
		return &failure{err}
	}
}
