package chaos

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"codebank.dev/stack/launch"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
)

// shownKey is how many letters of a private key are searched for.
const shownKey = 40

// secrets returns access tokens that were just used, and parts of the private keys of all programs. Of a
// token it is the signature, which is in nothing but the token.
func (r *run) secrets(ctx context.Context) (secrets []string, err error) {
	token, err := r.system.stack.Token(uuid.New(), "customer")
	if err != nil {
		return nil, err
	}
	wrong := strings.ToUpper(token)
	for text, want := range map[string]codes.Code{token: codes.NotFound, wrong: codes.Unauthenticated} {
		if err := r.readWith(ctx, text, want); err != nil {
			return nil, err
		}
		secrets = append(secrets, text[strings.LastIndexByte(text, '.')+1:])
	}
	for _, t := range r.load.charges.tills {
		secrets = append(secrets, t.secret)
	}
	for _, e := range r.load.charges.mailroom.endpoints {
		secrets = append(secrets, strings.TrimPrefix(e.secret, "whsec_"))
	}
	keys, err := filepath.Glob(filepath.Join(r.system.stack.Dir(), "tls", "*.key"))
	if err != nil {
		return nil, err
	}
	for _, path := range keys {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if block, _ := pem.Decode(content); block == nil {
			return nil, fmt.Errorf("%s has no key", path)
		}
		// The first line of every key says what it is, and the second is its own.
		lines := strings.Fields(string(content[bytes.IndexByte(content, '\n'):]))
		if len(lines) < 2 || len(lines[1]) < shownKey {
			return nil, fmt.Errorf("%s has a key of an unknown form", path)
		}
		secrets = append(secrets, lines[1][:shownKey])
	}
	return secrets, nil
}

// readWith reads with a token what does not exist, at the bank and at the statement.
func (r *run) readWith(ctx context.Context, token string, want codes.Code) error {
	nothing := "accounts/" + uuid.NewString()
	addresses := r.system.stack.Addresses()
	for program, address := range map[string]string{"bank": addresses.BankGRPC(), "statement": addresses.StatementGRPC()} {
		conn, err := r.system.stack.Dial(program, address, "")
		if err != nil {
			return err
		}
		call := launch.WithToken(ctx, token)
		if program == "bank" {
			_, err = bankv1.NewCardServiceClient(conn).GetAccount(call, &bankv1.GetAccountRequest{Name: nothing})
		} else {
			_, err = statementv1.NewStatementServiceClient(conn).GetStatement(call, &statementv1.GetStatementRequest{Name: nothing + "/statement"})
		}
		if status.Code(err) != want {
			r.load.observed.report("I17", "a token at the %s was answered with %v, want %v", program, err, want)
		}
		if err := conn.Close(); err != nil {
			return err
		}
	}
	return nil
}

// searchProcesses searches the command lines of all processes that it may read.
func (r *run) searchProcesses(secrets []string) error {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		return err // Not every system has them.
	}
	read := 0
	for _, path := range lines {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // It has ended.
		}
		read++
		if contains(content, secrets) {
			r.load.observed.report("I17", "%s holds a secret", path)
		}
	}
	if read == 0 {
		return errors.New("no command line of a process can be read")
	}
	return nil
}
