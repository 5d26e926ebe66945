package launch

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Banking is the name of the row of the bank's internet banking.
func (i Institution) Banking() string { return i.file(Banking) }

// Banking is the base URL of the pages of a bank's internet banking.
func (a Addresses) Banking(bank Institution) string { return a.url(bank.bankingHTTP) }

// bankingSettings returns the settings of the internet banking of a bank. Its pages are in plain text, because browsers
// do not know the stack's authority; on the loopback address they keep its cookies all the same.
func (s *Stack) bankingSettings(bank Institution) map[string]string {
	at := s.addresses.Of(bank)
	return map[string]string{
		"bank-code": bank.Code, "bank-name": bank.Name, "theme": bank.Theme, "session-key": s.sessionKeyFile(bank), "plain-pages": "true",
		"bank-address": at.BankGRPC, "statement-address": at.StatementGRPC, "identity-address": s.addresses.IdentityGRPC(),
	}
}

// readyOf returns a check that fails unless a service is ready, over TLS or as it serves plain text.
func (s *Stack) readyOf(service *service) func(context.Context) error {
	if service.plain != "" || service.pages {
		return httpReady("http://" + loopback(service.http) + "/readyz")
	}
	return s.serviceReady(loopback(service.http))
}

// frontPrograms lists the programs in front of identity that say where people's requests come from.
func (s *Stack) frontPrograms() string {
	programs := []string{BankCode + ":" + Gateway}
	for _, bank := range Banks() {
		programs = append(programs, bank.Code+":"+Banking)
	}
	return strings.Join(programs, ",")
}

func (s *Stack) sessionKeyFile(bank Institution) string {
	return filepath.Join(s.dir, "secrets", bank.file("sessions")+".key")
}

// makeSessionKeys makes the keys that seal the sessions of pages. Existing ones are kept.
func (s *Stack) makeSessionKeys() error {
	const size = 32
	for _, bank := range Banks() {
		file := s.sessionKeyFile(bank)
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return err
			}
			continue
		}
		key := make([]byte, size)
		_, _ = rand.Read(key) // It does not fail: see crypto/rand.
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, key, 0o600); err != nil {
			return err
		}
	}
	return nil
}
