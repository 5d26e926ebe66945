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
)

// producers are the programs that sign records. Whoever verifies a record could sign one too, so the bank and the
// statement share no key, and a producer has a key for each of them.
var producers = map[string][]string{Commands: {Gateway, Events}, Requests: {Events}}

// verifierKeyFile is the file with the keys of all producers of a topic, for the program that reads it.
func (s *Stack) verifierKeyFile(topic string) string {
	return filepath.Join(s.dir, "secrets", topic+".json")
}

// ProducerKeyFile is the file with the keys of one producer for Commands or Requests.
func (s *Stack) ProducerKeyFile(topic, producer string) string {
	return filepath.Join(s.dir, "secrets", topic+"-"+producer+".json")
}

// makeProducerKeys makes the keys with which producers sign. Existing keys are kept.
func (s *Stack) makeProducerKeys(ctx context.Context, log io.Writer) error {
	if err := os.MkdirAll(filepath.Join(s.dir, "secrets"), 0o700); err != nil {
		return err
	}
	for topic, names := range producers {
		for _, producer := range names {
			if err := s.makeProducerKey(ctx, log, topic, producer); err != nil {
				return err
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
