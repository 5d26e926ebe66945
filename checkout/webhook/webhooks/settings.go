package webhooks

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"

	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/serve"
)

// Settings are what a program is told about webhooks. Bind them before the flags are parsed, and Open them after.
type Settings struct {
	// Keys, Allowed and Authorities are those of Config.
	Keys        *webhook.Keys
	Allowed     []netip.Prefix
	Authorities *x509.CertPool

	keyFile, allowed, authorities string
}

// Bind adds the flags.
func (s *Settings) Bind(flags *flag.FlagSet) {
	flags.StringVar(&s.keyFile, "webhook-key", "", "`file` with the keys that seal the secrets of webhook endpoints, mode 0600: 64 hexadecimal digits a line, the first one seals, all open; make it with (umask 077; openssl rand -hex 32 > FILE). Empty: merchants have no webhook endpoints")
	flags.StringVar(&s.allowed, "webhook-allow", "", "private `networks` that webhooks of test mode may reach, such as 127.0.0.0/8 on a developer's machine; empty: none")
	flags.StringVar(&s.authorities, "webhook-authority", "", "`file` with certificates of authorities, PEM, that webhooks of test mode trust beside those of the system; empty: none")
}

// On reports whether there are webhooks.
func (s *Settings) On() bool { return s.Keys != nil }

// Open reads the files. An error names the flag, and repeats nothing of a file.
func (s *Settings) Open() (err error) {
	if s.keyFile == "" {
		return nil
	}
	content, err := keyfile.Read(s.keyFile)
	if err == nil {
		s.Keys, err = webhook.ParseKeys(content)
	}
	if err != nil {
		return fmt.Errorf("--webhook-key: %w", err)
	}
	if s.Allowed, err = serve.ParseProxies(s.allowed); err != nil {
		return errors.New("--webhook-allow: a list such as 127.0.0.0/8,fd00::/8")
	}
	if s.authorities == "" {
		return nil
	}
	if content, err = os.ReadFile(s.authorities); err != nil {
		return fmt.Errorf("--webhook-authority: %w", err)
	}
	// Without those of the system there are these alone.
	if s.Authorities, err = x509.SystemCertPool(); err != nil {
		s.Authorities = x509.NewCertPool()
	}
	if !s.Authorities.AppendCertsFromPEM(content) {
		return errors.New("--webhook-authority: the file has no certificate in PEM")
	}
	return nil
}
