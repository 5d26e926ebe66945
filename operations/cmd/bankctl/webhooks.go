package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/checkout/client"
	"codebank.dev/checkout/webhook"
	"codebank.dev/operations/webhooks"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
)

func newWebhooks(app *application) *cobra.Command {
	return group("webhooks", "Merchants' webhooks: the keys that seal their secrets, and receiving them on a developer's machine",
		newWebhooksKey(app), newWebhooksListen(app))
}

func newWebhooksKey(app *application) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "key --file FILE",
		Short: "Put a new key in front of the file that seals the secrets of webhook endpoints",
		Long: `Put a new key in front of the file --webhook-key of the payment gateway. The file is
made if there is none, and only this user can read it. The first key seals, all open.

To replace a key: add one, give the file to every replica, restart them, and have
merchants rotate the secrets of their endpoints. Then take the old line away.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error {
			before, err := keyfile.Read(path)
			if errors.Is(err, fs.ErrNotExist) {
				before, err = nil, nil
			}
			if err != nil {
				return err
			}
			const keyBytes = 32
			key := make([]byte, keyBytes)
			_, _ = rand.Read(key) // never fails
			content := append([]byte(hex.EncodeToString(key)+"\n"), before...)
			if _, err := webhook.ParseKeys(content); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if err := keyfile.Replace(path, content, failpoint.From(ctx)); err != nil {
				return err
			}
			if app.printer().JSON() {
				return app.printer().Object(map[string]string{"kind": "webhook key", "name": path, "action": "created"})
			}
			return app.printer().Text("created a key in " + path + "\n")
		}),
	}
	cmd.Flags().StringVar(&path, "file", "", "`file` of the keys")
	_ = cmd.MarkFlagRequired("file")
	_ = cmd.MarkFlagFilename("file")
	return cmd
}

// The variables of secrets. They belong to no flag, so no secret is given on a command line, which others can read.
const (
	apiSecretVariable     = "CODEBANK_API_SECRET"
	webhookSecretVariable = "CODEBANK_WEBHOOK_SECRET"
)

// listening is the flags of listen.
type listening struct {
	gateway, to, apiSecret, webhookSecret string
	types                                 []string
	after                                 int64
}

func newWebhooksListen(app *application) *cobra.Command {
	var l listening
	cmd := &cobra.Command{
		Use:   "listen --forward-to http://127.0.0.1:PORT/PATH",
		Short: "Send a merchant's events to a program on this machine, signed as webhooks",
		Long: `Open the live feed of a merchant and send each event to a program on this machine, as
the payment gateway sends webhooks: the same bodies, headers and signatures. Nothing
has to reach this machine from outside. Each event is one line of the output.

The API secret, sk_test_…, is read from the file --api-secret-file or from
CODEBANK_API_SECRET. The messages are signed with the secret in --webhook-secret-file or
CODEBANK_WEBHOOK_SECRET; without one, a new secret is made and shown. Each message is
sent once: what your program refuses is not sent again.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.listen(ctx, &l) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&l.gateway, "payment-gateway-url", "https://127.0.0.1:17014", "`URL` of the payment gateway")
	flags.StringVar(&l.to, "forward-to", "", "`URL` of the program on this machine")
	flags.StringVar(&l.apiSecret, "api-secret-file", "", "`file` with the merchant's API secret")
	flags.StringVar(&l.webhookSecret, "webhook-secret-file", "", "`file` with the secret that signs, whsec_…")
	flags.StringSliceVar(&l.types, "events", nil, "`types` of events to send, separated by commas; empty for those that a new endpoint gets")
	flags.Int64Var(&l.after, "after", client.FromNow, "the `sequence` of the event to begin behind; 0 for all events, -1 for those from now on")
	_ = cmd.MarkFlagRequired("forward-to")
	_ = cmd.MarkFlagFilename("api-secret-file")
	_ = cmd.MarkFlagFilename("webhook-secret-file")
	return cmd
}

// listen forwards events until ctx ends.
func (a *application) listen(ctx context.Context, l *listening) error {
	secret, err := a.signer(l.webhookSecret)
	if err != nil {
		return err
	}
	apiSecret, err := a.secretOf("api-secret-file", l.apiSecret, apiSecretVariable)
	if err != nil {
		return err
	}
	if apiSecret == "" {
		return &misuse{cause: errors.New("the command also needs --api-secret-file, or " + apiSecretVariable + " in the environment")}
	}
	trusted, err := a.trusted()
	if err != nil {
		return err
	}
	feed, err := client.New(client.Config{Address: l.gateway, Secret: client.NewSecret(apiSecret), TLS: trusted})
	if err != nil {
		return misused("payment-gateway-url", err)
	}
	types := webhook.Outcomes()
	if len(l.types) > 0 {
		types = nil
		for _, one := range l.types {
			if !slices.Contains(webhook.Types(), webhook.Type(one)) {
				return misused("events", fmt.Errorf("%q is no type of event", one))
			}
			types = append(types, webhook.Type(one))
		}
	}
	forwarder, err := webhooks.NewForwarder(webhooks.ForwarderConfig{To: l.to, Secret: secret, Types: types})
	if err != nil {
		return misused("forward-to", err)
	}
	if err := a.reach(ctx, l.gateway, trusted); err != nil {
		return err
	}
	for event, err := range feed.Events(ctx, l.after) {
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case !forwarder.Wants(&event):
			continue
		}
		sent := forwarder.Forward(ctx, &event)
		if a.printer().JSON() {
			err = a.printer().Object(sent)
		} else {
			err = a.printer().Text(sent.Line() + "\n")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// signer returns the secret that signs. A new one is shown on the error stream: it is the developer's own, and signs
// for nobody else.
func (a *application) signer(path string) (webhook.Secret, error) {
	text, err := a.secretOf("webhook-secret-file", path, webhookSecretVariable)
	if err != nil {
		return webhook.Secret{}, err
	}
	if text == "" {
		made := webhook.NewSecret()
		fmt.Fprintln(a.streams.err, "signing with", made.Reveal())
		return made, nil
	}
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		return secret, misused("webhook-secret-file", err)
	}
	return secret, nil
}

// secretOf returns a secret from a file or from the environment, where a variable of its name has it; "" if neither has.
func (a *application) secretOf(flag, path, variable string) (string, error) {
	if path == "" {
		for _, one := range a.environ {
			if value, found := strings.CutPrefix(one, variable+"="); found {
				return strings.TrimSpace(value), nil
			}
		}
		return "", nil
	}
	content, err := keyfile.Read(path)
	if err != nil {
		return "", misused(flag, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// reach connects to the payment gateway once, and says what the command waits for if nobody answers there: the feed is
// opened again and again without a word. It returns an error if who answers is not trusted, which no wait changes.
func (a *application) reach(ctx context.Context, gateway string, trusted *tls.Config) error {
	address, err := url.Parse(gateway)
	if err != nil || address.Scheme != "https" {
		return err
	}
	port := address.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	dialer := &tls.Dialer{Config: trusted}
	connection, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	var untrusted *tls.CertificateVerificationError
	switch {
	case err == nil:
		return connection.Close()
	case errors.As(err, &untrusted):
		return misused("tls-authority", fmt.Errorf("the certificate of %s is not trusted; name the file of its authority: %w", gateway, untrusted.Err))
	}
	fmt.Fprintf(a.streams.err, "nobody answers at %s; trying again until somebody does\n", gateway)
	return nil
}

// reachTimeout bounds the first connection.
const reachTimeout = 5 * time.Second

// trusted returns how the payment gateway proves itself: by the authorities of --tls-authority, or those of the system.
func (a *application) trusted() (*tls.Config, error) {
	if a.tls.Authority == "" {
		return nil, nil
	}
	content, err := os.ReadFile(a.tls.Authority)
	if err != nil {
		return nil, misused("tls-authority", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, misused("tls-authority", errors.New("the file has no certificate in PEM"))
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: pool}, nil
}
