package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"codebank.dev/native/process"
)

// service is a program of this repository that serves gRPC and HTTP, or HTTP only.
type service struct {
	// name is the name of its row. program is the name of the program, which replicas share.
	name, program string
	// bank is the bank that it belongs to; the first bank for a program that serves all banks.
	bank Institution
	// grpc and http are its ports. Without gRPC, grpc is 0.
	grpc, http int
	// settings replace settings that every copy of the program has.
	settings map[string]string
	// folder holds the program; empty means the folder of the programs built here.
	folder string
	// plain is that of a Copy.
	plain string
	// pages says that it serves pages, in plain text, because browsers do not know the stack's authority.
	pages bool
}

// serviceSpec returns the row of a service. Settings are environment variables and not flags,
// because the list of processes shows flags to every user.
func (s *Stack) serviceSpec(service service) process.Spec {
	spec := process.Spec{
		Name:  service.name,
		Needs: []string{Databases, Programs, Migrations, Certificates},
		Ports: service.ports(),
		Command: func(ctx context.Context) (process.Command, error) {
			settings, err := s.settings(ctx, service.program, service.bank)
			if err != nil {
				return process.Command{}, err
			}
			if service.grpc != 0 {
				settings["grpc-address"] = loopback(service.grpc)
			}
			settings["http-address"] = loopback(service.http)
			if service.folder == "" { // An earlier build may not know these settings.
				maps.Copy(settings, s.newSettings(service.program, service.bank))
			}
			path := s.program(service.program).Path
			if service.folder != "" {
				path = filepath.Join(service.folder, service.program)
			}
			if service.plain != "" {
				withoutTLS(settings, path, service.plain)
			}
			maps.Copy(settings, service.settings)
			s.adjust(service.name, settings)
			return process.Command{
				Path: path, Dir: s.dir, Env: environment(variables(service.program, settings)),
			}, nil
		},
		Ready: s.readyOf(&service),
	}
	if service.program != "identity" && service.program != "payment-processor" && s.Process(Identity) != nil {
		spec.Uses = []string{Identity} // Without it no new person signs in, and reads go on.
	}
	switch service.program {
	case "identity":
		spec.Needs = append(spec.Needs, Keys, Mail)
		spec.Uses = append(spec.Uses, Kafka)
	case "statement":
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(spec.Uses, Kafka)
	case "bank":
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(spec.Uses, s.present(CodePix)...)
		spec.Uses = append(spec.Uses, Kafka, Registry)
	case "checkout":
		spec.Uses = append(spec.Uses, s.present(Bank)...)
		spec.Uses = append(spec.Uses, Kafka)
	case "payment-gateway":
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(spec.Uses, Kafka, Registry)
	case "payment-processor":
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(append(spec.Uses, s.present(Bank)...), Kafka, Registry)
	case "gateway":
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(spec.Uses, s.present(Bank, Statement)...)
		spec.Uses = append(spec.Uses, Kafka, Registry)
	case Banking:
		spec.Needs = append(spec.Needs, Keys)
		spec.Uses = append(spec.Uses, s.present(service.bank.Bank, service.bank.Statement)...)
	case "codepix":
		spec.Needs = append(spec.Needs, Keys, Mail)
		spec.Uses = append(spec.Uses, Kafka, Registry)
	}
	return spec
}

// ports lists the ports of a service.
func (s *service) ports() []int {
	if s.grpc == 0 {
		return []int{s.http}
	}
	return []int{s.grpc, s.http}
}

// present returns those of the rows that the table has.
func (s *Stack) present(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return s.Process(name) == nil })
}

// settings returns the settings of a bank's program, by the names of its flags.
func (s *Stack) settings(ctx context.Context, program string, bank Institution) (map[string]string, error) {
	settings, err := s.ownSettings(ctx, program, bank)
	if err != nil {
		return nil, err
	}
	as := program
	if program == "bankctl" {
		as = Operator
	}
	secure, err := s.tlsSettings(bank.As(as))
	maps.Copy(settings, secure)
	if program == PaymentGateway {
		settings["webhook-authority"] = secure["tls-authority"]
	}
	switch program {
	case "bank", "statement", "checkout", "gateway", "payment-gateway":
		maps.Copy(settings, s.tokenSettings())
	}
	return settings, err
}

// ownSettings returns the settings that only one program of a bank has.
func (s *Stack) ownSettings(ctx context.Context, program string, bank Institution) (map[string]string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	a := s.addresses
	switch program {
	case "bank":
		return map[string]string{
			"database-url":   server.URLOf(bank.role("bank_service"), bank.LedgerDatabase),
			"bank-code":      bank.Code,
			"kafka-brokers":  a.Kafka(),
			"registry-url":   a.RegistryConfluent(),
			"vault-key-file": s.vaultKeyFile(bank),
		}, nil
	case "statement":
		return map[string]string{
			"database-url": server.URLOf(bank.role("statement_service"), bank.StatementDatabase), "bank-code": bank.Code,
		}, nil
	case "checkout":
		return map[string]string{"database-url": server.URLOf("checkout_service", CheckoutDatabase), "bank-address": a.BankGRPC()}, nil
	case "gateway":
		return map[string]string{
			"database-url": server.URLOf("gateway_service", GatewayDatabase), "bank-code": bank.Code,
			"bank-address": a.BankGRPC(), "statement-address": a.StatementGRPC(),
			"kafka-brokers": a.Kafka(), "registry-url": a.RegistryConfluent(), "command-key": s.ProducerKeyFile(Commands, Gateway),
		}, nil
	case "payment-gateway":
		return map[string]string{
			"database-url": server.URLOf("payment_gateway_service", CheckoutDatabase), "kafka-brokers": a.Kafka(),
			"registry-url": a.RegistryConfluent(), "charge-keys": s.ProducerKeyFile(Charges, PaymentGateway),
			// Endpoints of test mode may be on this machine, with a certificate of the stack's authority.
			"webhook-key": s.webhookKeyFile(), "webhook-allow": "127.0.0.0/8,::1/128",
		}, nil
	case "payment-processor":
		return map[string]string{
			"database-url": server.URLOf("payment_processor_service", CheckoutDatabase), "kafka-brokers": a.Kafka(),
			"registry-url": a.RegistryConfluent(), "charge-keys": s.verifierKeyFile(Charges),
			"bank-address": a.BankGRPC(),
		}, nil
	case "identity":
		return map[string]string{
			"database-url": server.URLOf("identity_service", IdentityDatabase), "signing-keys": s.signingKeysFile(), "issuer": s.tokenIssuer(), "audience": tokenAudience,
			"smtp-url": "smtp://" + a.host(mailPort),
		}, nil
	case "codepix":
		return map[string]string{
			"database-url": server.URLOf("codepix_service", CodePixDatabase), "banks": s.hubBanksFile(),
			"kafka-brokers": a.Kafka(), "registry-url": a.RegistryConfluent(), "smtp-url": "smtp://" + a.host(mailPort),
		}, nil
	case Banking:
		return s.bankingSettings(bank), nil
	case "bankctl":
		return map[string]string{
			"kafka-brokers":          a.Kafka(),
			"registry-url":           a.RegistryConfluent(),
			"connect-url":            a.Connect(),
			"connect-secrets":        s.connectSecrets(),
			"elasticsearch-url":      a.Elasticsearch(),
			"ledger-database-url":    server.URLOf(bank.role("auditor"), bank.LedgerDatabase),
			"statement-database-url": server.URLOf(bank.role("auditor"), bank.StatementDatabase),
			"checkout-database-url":  server.URLOf("auditor", CheckoutDatabase),
			"bank-code":              bank.Code,
		}, nil
	}
	return nil, fmt.Errorf("there is no program %s", program)
}

// newSettings returns the settings that only the programs built here have.
func (s *Stack) newSettings(program string, bank Institution) map[string]string {
	switch program {
	case "bank":
		settings := map[string]string{"simulated-cash": "true", "command-keys": s.verifierKeyFile(bank.file(Commands))}
		if hasSources(s.Root(), "codepix") {
			settings["codepix-address"], settings["pix-keys"] = s.addresses.CodePixGRPC(), s.PixKeysFile(bank)
		}
		return settings
	case "identity":
		// Users are of no bank, so all links lead to the pages of one. An e-mail has the code beside its link.
		return map[string]string{
			"kafka-brokers": s.addresses.Kafka(), "trusted-programs": s.frontPrograms(), "pages-url": s.addresses.Banking(FirstBank()),
		}
	case "checkout":
		return map[string]string{"kafka-brokers": s.addresses.Kafka()}
	case "statement":
		return map[string]string{
			"kafka-brokers": s.addresses.Kafka(), "request-keys": s.verifierKeyFile(bank.file(Requests)), "sink-group": bank.sinkGroup(),
			"smtp-url": "smtp://" + s.addresses.host(mailPort), "pages-url": URL(s.addresses.GatewayHTTP()),
		}
	}
	return nil
}

// withoutTLS makes a program at a path take every caller for the program plain, in plain text.
func withoutTLS(settings map[string]string, path, plain string) {
	maps.DeleteFunc(settings, func(name, _ string) bool {
		return strings.HasPrefix(name, "tls-") || strings.HasPrefix(name, "token-") || name == "identity-address"
	})
	// A build from before TLS does not know the setting.
	if help, _ := exec.Command(path, "--help").CombinedOutput(); bytes.Contains(help, []byte("-insecure")) {
		settings["insecure"] = plain
	}
}

// connectorsWatchCommand returns the command of the supervisor that restarts failed connectors
// and tasks.
func (s *Stack) connectorsWatchCommand(ctx context.Context) (process.Command, error) {
	cmd := s.program("bankctl", "connectors", "watch")
	settings := map[string]string{"connect-url": s.addresses.Connect()}
	return process.Command{
		Path: cmd.Path, Args: cmd.Args[1:], Dir: s.dir, Env: environment(variables("bankctl", settings)),
	}, nil
}

// Annotations is the file of what the pages mark in charts over time. The pages read it again
// when it changes.
func (s *Stack) Annotations() string { return filepath.Join(s.dir, "annotations.json") }

// WriteAnnotations replaces the file of annotations. The pages never see a part of it.
func (s *Stack) WriteAnnotations(content []byte) error {
	part := s.Annotations() + ".part"
	if err := os.WriteFile(part, content, 0o644); err != nil {
		return err
	}
	return os.Rename(part, s.Annotations())
}

// dashboardsCommand returns the command that serves the dashboards as pages. It makes an empty
// file of annotations if there is none.
func (s *Stack) dashboardsCommand(context.Context) (process.Command, error) {
	if _, err := os.Stat(s.Annotations()); errors.Is(err, fs.ErrNotExist) {
		if err := s.WriteAnnotations([]byte("[]\n")); err != nil {
			return process.Command{}, err
		}
	}
	cmd := s.program("bankctl", "dashboards", "serve")
	settings := map[string]string{
		"annotations":       s.Annotations(),
		"elasticsearch-url": s.addresses.Elasticsearch(), "http-address": net.JoinHostPort("127.0.0.1", strconv.Itoa(s.addresses.port(dashboardsPort))),
	}
	return process.Command{
		Path: cmd.Path, Args: cmd.Args[1:], Dir: s.dir, Env: environment(variables("bankctl", settings)),
	}, nil
}

// Replica starts another copy of a service on ports of the caller's choice and waits until it
// is ready. Settings replace those of the original, by the names of flags. The copy is stopped
// with the stack.
func (s *Stack) Replica(ctx context.Context, original string, copied Copy) (*process.Process, error) {
	services := s.services()
	at := slices.IndexFunc(services, func(service service) bool { return service.name == original })
	if at < 0 || s.Process(original) == nil {
		return nil, fmt.Errorf("this stack has no service %s", original)
	}
	row := s.group.Add(s.serviceSpec(service{
		name: copied.Name, program: services[at].program, bank: services[at].bank, grpc: copied.GRPCPort, http: copied.HTTPPort,
		pages:    services[at].pages,
		settings: copied.Settings, folder: copied.Folder, plain: copied.Plain,
	}))
	if err := row.Start(ctx); err != nil {
		return nil, err
	}
	return row, row.WaitReady(ctx)
}

// Remove stops a row that Replica or ConnectWorker added, if it runs, and removes it.
func (s *Stack) Remove(ctx context.Context, copied *process.Process) error {
	var err error
	if copied.Running() {
		err = copied.Stop(ctx)
	}
	s.group.Remove(copied.Name())
	return err
}

// Copy says how a copy of a service differs from its original.
type Copy struct {
	// Name is the name of the copy, unique in the stack.
	Name string
	// GRPCPort and HTTPPort are its ports on the loopback address.
	GRPCPort, HTTPPort int
	// Settings are added to the settings of the original, by the names of flags.
	Settings map[string]string
	// Folder holds the program of another build, as an absolute path; empty means the program
	// that this launcher has built.
	Folder string
	// Plain makes the copy serve plain text and take every caller for the program of this name. Empty: TLS.
	// A build from before TLS serves plain text anyway.
	Plain string
}
