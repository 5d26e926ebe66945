package launch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"codebank.dev/schemas/command"
)

// Events is a program outside of the stack that sends commands to the bank, and asks for statements, by event
// alone. The stack makes keys for it, and does not run it.
const Events = "events"

// The topics whose records are signed, by what their files of keys are called.
const (
	// Commands are obeyed by the bank.
	Commands = "commands"
	// Requests are for statements.
	Requests = "requests"
	// Charges go from the payment gateway to its processor, which signs its answers with the same key.
	Charges = "charges"
)

// producers returns the programs that sign records for the bank, by what their files of keys are called. Whoever
// verifies a record could sign one too, so the bank and the statement share no key, two banks neither, and a
// producer has a key for each of them.
func (i Institution) producers() map[string][]string {
	if i.Code == BankCode { // The gateways serve the customers and the merchants of this bank.
		return map[string][]string{Commands: {Gateway, Events}, Requests: {Events}, Charges: {PaymentGateway}}
	}
	return map[string][]string{i.file(Commands): {Events}, i.file(Requests): {Events}}
}

// verifierKeyFile is the file with the keys of all producers of a topic, for the program that reads it.
func (s *Stack) verifierKeyFile(topic string) string {
	return filepath.Join(s.dir, "secrets", topic+".json")
}

// ProducerKeyFile is the file with the keys of one producer for Commands or Requests of the first bank, or of
// another one with [Institution.Keys].
func (s *Stack) ProducerKeyFile(topic, producer string) string {
	return filepath.Join(s.dir, "secrets", topic+"-"+producer+".json")
}

// makeProducerKeys makes the keys with which producers sign. Existing keys are kept.
func (s *Stack) makeProducerKeys(ctx context.Context, log io.Writer) error {
	if err := os.MkdirAll(filepath.Join(s.dir, "secrets"), 0o700); err != nil {
		return err
	}
	for _, bank := range Banks() {
		for topic, names := range bank.producers() {
			for _, producer := range names {
				if err := s.makeProducerKey(ctx, log, topic, producer); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// makeProducerKey adds a producer to the keys of a topic, unless it has one there, and writes its own file.
func (s *Stack) makeProducerKey(ctx context.Context, log io.Writer, topic, producer string) error {
	file := s.verifierKeyFile(topic)
	keys, err := readKeys(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil || keys.Signer(producer) == nil {
		if err := runProgram(ctx, s.program("bankctl", "command-keys", "add", producer, "--file", file, "--for-users"), log); err != nil {
			return err
		}
	}
	return runProgram(ctx, s.program("bankctl", "command-keys", "export", producer, "--file", file, "--out", s.ProducerKeyFile(topic, producer)), log)
}

// readKeys reads a file of keys.
func readKeys(file string) (*command.Keys, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return command.ParseKeys(content)
}

// webhookKeyFile is the file with the key that seals the secrets of merchants' webhook endpoints.
func (s *Stack) webhookKeyFile() string { return filepath.Join(s.dir, "secrets", "webhook.key") }

// makeWebhookKey makes that key. An existing key is kept, because without it no message can be signed.
func (s *Stack) makeWebhookKey(ctx context.Context, log io.Writer) error {
	if _, err := os.Stat(s.webhookKeyFile()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return runProgram(ctx, s.program("bankctl", "webhooks", "key", "--file", s.webhookKeyFile()), log)
}

// vaultKeyFile is the file of the key with which a bank encrypts card numbers.
func (s *Stack) vaultKeyFile(bank Institution) string {
	return filepath.Join(s.dir, "secrets", bank.file("vault")+".key")
}

// makeKeys makes the keys that sign access tokens and commands, and those that encrypt card numbers. An
// existing key is kept, because without it the stored numbers cannot be read.
func (s *Stack) makeKeys(ctx context.Context, log io.Writer) error {
	if err := s.makeSigningKeys(ctx, log); err != nil {
		return err
	}
	if err := s.makeProducerKeys(ctx, log); err != nil {
		return err
	}
	if err := s.makeWebhookKey(ctx, log); err != nil {
		return err
	}
	if err := s.makeHubKeys(ctx, log); err != nil {
		return err
	}
	if err := s.makeSessionKeys(); err != nil {
		return err
	}
	if !hasSources(s.Root(), "bankctl") {
		return nil
	}
	for _, bank := range Banks() {
		if err := s.makeVaultKey(ctx, log, s.vaultKeyFile(bank)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) makeVaultKey(ctx context.Context, log io.Writer, file string) error {
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return runProgram(ctx, s.program("bankctl", "keys", "new", "--out", file), log)
}
