package launch

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"codebank.dev/native/dist"
)

// Bankctl runs bankctl for the first bank of this stack, which must run, and waits for its end. It writes the
// output to out.
func (s *Stack) Bankctl(ctx context.Context, out io.Writer, args ...string) error {
	return s.BankctlOf(ctx, first, out, args...)
}

// BankctlOf is Bankctl for one of the banks.
func (s *Stack) BankctlOf(ctx context.Context, bank Institution, out io.Writer, args ...string) error {
	settings, err := s.settings(ctx, "bankctl", bank)
	if err != nil {
		return err
	}
	if len(args) > 0 && args[0] == "republish" {
		if settings["ledger-database-url"], err = s.URLOf(ctx, bank.role("bank_operator"), bank.LedgerDatabase); err != nil {
			return err
		}
	}
	if len(args) > 1 && args[0] == "audit" && args[1] == "pix" {
		if err := s.addAllLedgers(ctx, settings); err != nil {
			return err
		}
	}
	cmd := s.program("bankctl", args...)
	cmd.Env = environment(variables("bankctl", settings))
	return runProgram(ctx, cmd, out)
}

// addAllLedgers adds the ledgers of all banks, and the hub between them, as an auditor reads them.
func (s *Stack) addAllLedgers(ctx context.Context, settings map[string]string) (err error) {
	var ledgers []string
	for _, bank := range Banks() {
		url, err := s.URLOf(ctx, bank.role("auditor"), bank.LedgerDatabase)
		if err != nil {
			return err
		}
		ledgers = append(ledgers, bank.Code+"="+url)
	}
	settings["ledgers"] = strings.Join(ledgers, ",")
	settings["codepix-database-url"], err = s.URLOf(ctx, "auditor", CodePixDatabase)
	return err
}

// BankctlAs runs bankctl with the certificate of another program than the operator.
func (s *Stack) BankctlAs(ctx context.Context, program string, out io.Writer, args ...string) error {
	files, err := s.Certificates(program)
	if err != nil {
		return err
	}
	return s.Bankctl(ctx, out, append(args, "--tls-certificate", files.Certificate, "--tls-key", files.Key, "--tls-authority", files.Authority)...)
}

// Apply repeats the provisioning of a stack that another launcher runs on the same folder and
// ports. It fails with [ErrNotRunning] if no stack runs there.
func (s *Stack) Apply(ctx context.Context) error {
	if _, err := os.Stat(s.lockFile()); err != nil {
		return fmt.Errorf("%w: %s", ErrNotRunning, s.dir)
	}
	unlock, ok, err := dist.TryLock(s.lockFile())
	if err != nil {
		return err
	}
	if ok {
		unlock()
		return fmt.Errorf("%w: %s", ErrNotRunning, s.dir)
	}
	if err := build(ctx, s.Root()); err != nil {
		return err
	}
	return s.apply(ctx, s.out)
}

// applyTimeout bounds the wait for services that start for the first time, from a slow disk.
const applyTimeout = 10 * time.Minute

// apply declares topics, schemas, indices and connectors. Existing declarations stay as they
// are.
func (s *Stack) apply(ctx context.Context, log io.Writer) error {
	for _, bank := range Banks() {
		if err := s.BankctlOf(ctx, bank, log, "apply", "all", "--timeout", applyTimeout.String()); err != nil {
			return err
		}
	}
	return nil
}
